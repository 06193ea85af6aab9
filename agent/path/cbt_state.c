/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cbt_state.c - the build times on disk, as a histogram (path-spec 2.4.2)
 *
 *	onionify-timings 1
 *	abandoned COUNT
 *	bin MS COUNT
 *	end <lines> <SHA-256>
 *
 * MS is the middle of a 10 ms bin, bins in rising order, counts from 1; the
 * "abandoned" line is always there, and may say 0. All counts together are at
 * most 1000. Order of arrival is not stored, so after loading the times are
 * shuffled: old and new ones then leave the ring evenly.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/path/cbt_internal.h"
#include "agent/path/state_file.h"
#include "common/crypto.h"

#define MAGIC "onionify-timings"

struct loader {
	struct cbt *c;
	bool has_abandoned;
	uint32_t last_ms;
};

/* A decimal number without sign or leading zero; moves @pos behind it. */
static bool take_number(const char **pos, uint32_t max, uint32_t *ret)
{
	const char *p = *pos;
	uint32_t v = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint32_t)(*p - '0');
		if (v > max)
			return false;
	}
	*pos = p;
	*ret = v;
	return true;
}

static bool add_times(struct cbt *c, uint32_t ms, uint32_t count)
{
	if (count > CBT_TIMES_MAX - c->n_times)
		return false;
	while (count--)
		cbt_add_time(c, ms);
	return true;
}

static int load_line(void *ctx, const char *line)
{
	struct loader *l = ctx;
	uint32_t ms, count;

	if (!strncmp(line, "abandoned ", 10)) {
		line += 10;
		if (l->has_abandoned || !take_number(&line, CBT_TIMES_MAX, &count) || *line)
			return STATE_E_FORMAT;
		l->has_abandoned = true;
		return add_times(l->c, CBT_ABANDONED, count) ? 0 : STATE_E_FORMAT;
	}
	if (!l->has_abandoned || strncmp(line, "bin ", 4) != 0)
		return STATE_E_FORMAT;
	line += 4;
	if (!take_number(&line, CBT_TIME_MAX_MS, &ms) || *line++ != ' ' ||
	    !take_number(&line, CBT_TIMES_MAX, &count) || *line)
		return STATE_E_FORMAT;
	if (ms % CBT_BIN_MS != CBT_BIN_MS / 2 || ms <= l->last_ms || !count)
		return STATE_E_FORMAT;
	l->last_ms = ms;
	return add_times(l->c, ms, count) ? 0 : STATE_E_FORMAT;
}

static void shuffle(struct cbt *c)
{
	for (size_t i = c->n_times; i > 1; i--) {
		size_t j = (size_t)crypto_random_below(i);
		uint32_t t = c->times[i - 1];

		c->times[i - 1] = c->times[j];
		c->times[j] = t;
	}
}

static int finish(struct cbt *c, const struct loader *l, int r)
{
	if (!r && !l->has_abandoned)
		r = STATE_E_FORMAT;
	if (r)
		c->n_times = c->next = 0;
	shuffle(c);
	c->dirty = false;
	return r;
}

int cbt_state_parse(struct cbt *c, const char *data, size_t len)
{
	struct loader l = { .c = c };
	int r;

	c->n_times = c->next = 0;
	r = state_file_parse(data, len, MAGIC, load_line, &l);
	return finish(c, &l, r);
}

int cbt_load(struct cbt *c)
{
	struct loader l = { .c = c };
	int r = state_file_load(c->path, MAGIC, load_line, &l);

	/* A well-framed file without its first line says nothing, like no file. */
	r = finish(c, &l, r);
	return r > 0 ? -ENOENT : r;
}

static int print_times(FILE *f, const void *what)
{
	const struct cbt *c = what;
	uint16_t *bins = calloc(CBT_TIME_MAX_MS / CBT_BIN_MS, sizeof(*bins));
	unsigned int abandoned = 0;

	if (!bins)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_times; i++) {
		if (c->times[i] == CBT_ABANDONED)
			abandoned++;
		else
			bins[c->times[i] / CBT_BIN_MS]++;
	}
	fprintf(f, "abandoned %u\n", abandoned);
	for (size_t i = 0; i < CBT_TIME_MAX_MS / CBT_BIN_MS; i++) {
		if (bins[i])
			fprintf(f, "bin %zu %u\n", i * CBT_BIN_MS + CBT_BIN_MS / 2, bins[i]);
	}
	free(bins);
	return 0;
}

int cbt_save(struct cbt *c)
{
	int r;

	if (!c->dirty || !c->path)
		return 0;
	if (!c->may_save)
		return -EIO;
	r = state_file_save(c->path, MAGIC, print_times, c);
	if (!r)
		c->dirty = false;
	return r;
}
