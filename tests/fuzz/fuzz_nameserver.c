/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_nameserver.c - any datagram as a DNS question; no agent is asked */
#include <stdint.h>
#include <stdlib.h>

#include "shim/config.h"
#include "shim/nameserver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int ready;
	uint8_t answer[600];
	size_t n;

	if (!ready) {
		(void)setenv("ONIONIFY_SOCKET", "/nonexistent/agent.sock", 1);
		config_reload();
		ready = 1;
	}
	n = nameserver_answer(data, len, answer, sizeof(answer));
	if (n > sizeof(answer) || (n > 0 && (n < 17 || !(answer[2] & 0x80))))
		abort();
	return 0;
}
