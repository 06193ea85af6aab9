/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_timings.c - the file of circuit build times
 *
 * Read as fuzz_guard_state.c does. Whatever is loaded must leave limits that are sane.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent/path/cbt_internal.h"
#include "tests/fuzz/state_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len)
{
	struct cbt *c = cbt_new(NULL);

	if (!c)
		return;
	if (cbt_state_parse(c, text, len) && c->n_times)
		abort();
	cbt_update(c);
	if (cbt_timeout_ms(c, 3) < 10 || cbt_timeout_ms(c, 3) > CBT_TIME_MAX_MS ||
	    cbt_close_ms(c, 3) < 60000)
		abort();
	cbt_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	state_frame_feed("onionify-timings", check, data, size);
	return 0;
}
