/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_cell.c - the first byte picks the circuit ID length; the rest is a stream of cells */
#include <stdlib.h>
#include <string.h>

#include "agent/link/cell.h"
#include "agent/link/netinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was decoded must encode to the bytes it came from. */
static void check_encoding(const uint8_t *data, size_t n, unsigned int id_len,
			   const struct cell *c)
{
	uint8_t out[CELL_VAR_HEADER_LEN + CELL_VAR_BODY_MAX];

	if (cell_is_variable(c->command)) {
		ssize_t m = cell_encode_var(out, sizeof(out), id_len, c->circ_id, c->command,
					    c->body, c->body_len);

		if (m != (ssize_t)n || memcmp(out, data, n) != 0)
			abort();
	} else if (id_len == 4) {
		cell_encode(out, c->circ_id, c->command, c->body, c->body_len);
		if (n != CELL_LEN || memcmp(out, data, n) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int id_len;
	struct cell c;
	size_t n;

	if (len == 0)
		return 0;
	id_len = data[0] & 1 ? 2 : 4;
	data++;
	len--;
	while ((n = cell_decode(data, len, id_len, &c)) > 0) {
		struct netinfo m;

		if (n > len)
			abort();
		check_encoding(data, n, id_len, &c);
		if (c.command == CELL_NETINFO &&
		    netinfo_decode(c.body, c.body_len, &m) == 0) {
			uint8_t body[CELL_BODY_LEN];

			netinfo_encode(body, &m);
		}
		data += n;
		len -= n;
	}
	return 0;
}
