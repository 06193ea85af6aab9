/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_relay_msg.c - the first byte picks a parser of relay messages; the rest is its input */
#include <stdlib.h>
#include <string.h>

#include "agent/circ/circ_padding.h"
#include "agent/circ/extend.h"
#include "agent/circ/relay_cell.h"
#include "agent/circ/resolve.h"
#include "agent/circ/sendme.h"
#include "agent/circ/stream_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Message and cell must agree both ways. */
static void relay_cell(unsigned int version, const uint8_t *data, size_t len)
{
	uint8_t body[RELAY_BODY_LEN] = { 0 }, again[RELAY_BODY_LEN];
	struct relay_msg m, n;

	memcpy(body, data, len < sizeof(body) ? len : sizeof(body));
	if (relay_cell_decode(version, body, &m) < 0)
		return;
	if (relay_cell_encode(version, &m, again) < 0 ||
	    relay_cell_decode(version, again, &n) < 0 || m.command != n.command ||
	    m.stream_id != n.stream_id || m.len != n.len || memcmp(m.data, n.data, m.len) != 0)
		abort();
}

static void extend(const uint8_t *data, size_t len)
{
	uint8_t out[RELAY_DATA_MAX];
	struct extend2 e, f;
	int n;

	if (extend2_decode(data, len, &e) < 0)
		return;
	n = extend2_encode(&e.target, e.type, e.handshake, e.handshake_len, out);
	/* Not everything that parses can be sent: port 0, or a long handshake. */
	if (n >= 0 && (extend2_decode(out, (size_t)n, &f) < 0 || f.type != e.type ||
		       memcmp(f.target.rsa_id, e.target.rsa_id, RSA_ID_LEN) != 0))
		abort();
}

static void created(const uint8_t *data, size_t len)
{
	uint8_t out[RELAY_BODY_LEN];
	const uint8_t *p;
	uint16_t type;
	size_t n;

	if (created2_decode(data, len, &p, &n) == 0 && n <= HANDSHAKE_MSG_MAX &&
	    (created2_encode(p, n, out, sizeof(out)) != (int)n + 2 || memcmp(out, data, n + 2) != 0))
		abort();
	if (create2_decode(data, len, &type, &p, &n) == 0 && n <= HANDSHAKE_MSG_MAX &&
	    (create2_encode(type, p, n, out) != (int)n + 4 || memcmp(out, data, n + 4) != 0))
		abort();
}

static void sendme(const uint8_t *data, size_t len)
{
	uint8_t out[SENDME_BODY_MAX];
	unsigned int version;
	const uint8_t *tag;
	size_t n;

	if (sendme_decode(data, len, &version, &tag, &n) < 0 || version != 1)
		return;
	if (sendme_encode(1, tag, n, out) != n + 3 || memcmp(out, data, n + 3) != 0)
		abort();
}

static void resolved(const uint8_t *data, size_t len)
{
	struct stream_answer a[STREAM_ANSWERS_MAX];
	int n = resolved_decode(data, len, a);

	if (n > STREAM_ANSWERS_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		if (a[i].type == RESOLVED_HOSTNAME && a[i].name[0] == '\0')
			abort();
	}
}

static void answers(const uint8_t *data, size_t len)
{
	struct padding_negotiated padding;
	struct stream_asked asked;
	struct stream_end end;
	struct addr addr;
	uint32_t n;

	(void)connected_decode(data, len, &addr, &n);
	end_decode(data, len, &end);
	(void)end_reason_errno(end.reason);
	(void)padding_negotiated_decode(data, len, &padding);
	if (begin_decode(data, len, &asked) == 0 && asked.port == 0)
		abort();
	(void)xoff_decode(data, len);
	(void)xon_decode(data, len, &n);
	(void)truncated_decode(data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	switch (data[0] % 8) {
	case 0:
	case 1:
		relay_cell(data[0] % 8, data + 1, len - 1);
		break;
	case 2:
		extend(data + 1, len - 1);
		break;
	case 3:
		created(data + 1, len - 1);
		break;
	case 4:
		sendme(data + 1, len - 1);
		break;
	case 5:
		resolved(data + 1, len - 1);
		break;
	case 6:
		answers(data + 1, len - 1);
		break;
	case 7: {
		char host[STREAM_HOST_MAX + 2];
		uint8_t out[BEGIN_BODY_MAX];
		size_t n = len - 1 < sizeof(host) - 1 ? len - 1 : sizeof(host) - 1;

		memcpy(host, data + 1, n);
		host[n] = '\0';
		(void)begin_encode(host, 80, 1, out);
		(void)resolve_encode(host, out);
		break;
	}
	}
	return 0;
}
