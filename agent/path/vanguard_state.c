/* SPDX-License-Identifier: BSD-3-Clause */
/* vanguard_state.c - encode and parse the vanguards (format: vanguard_state.h) */
#include "agent/path/vanguard_state.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/path/state_file.h"
#include "common/codec.h"

#define WORD "vanguard "
#define DIGITS_MAX 10	/* up to the year 2286 */

/* Digits alone, no leading zero, to the end of the line. */
static bool parse_seconds(const char *p, time_t *ret)
{
	size_t len = strlen(p);
	int64_t t = 0;

	if (len == 0 || len > DIGITS_MAX || p[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		t = t * 10 + (p[i] - '0');
	}
	*ret = (time_t)t;
	return true;
}

int vanguard_record_parse(const char *line, struct vanguard_record *ret)
{
	const size_t hex = 2 * RSA_ID_LEN;
	struct vanguard_record r;

	/* "vanguard 2 <40 hex> <seconds>" */
	memset(&r, 0, sizeof(r));
	if (strncmp(line, WORD, strlen(WORD)) != 0)
		return STATE_E_FORMAT;
	line += strlen(WORD);
	if ((line[0] != '2' && line[0] != '3') || line[1] != ' ')
		return STATE_E_FORMAT;
	r.layer = line[0] == '2' ? VANGUARD_L2 : VANGUARD_L3;
	line += 2;
	if (strnlen(line, hex + 1) <= hex || line[hex] != ' ' ||
	    codec_hex_decode(r.v.rsa_id, RSA_ID_LEN, line, hex) ||
	    !parse_seconds(line + hex + 1, &r.v.expires))
		return STATE_E_FORMAT;
	*ret = r;
	return 0;
}

static int collect(void *ctx, const char *line)
{
	struct vanguard_set *sets = ctx, *set;
	struct vanguard_record r;

	if (vanguard_record_parse(line, &r))
		return STATE_E_FORMAT;
	set = &sets[r.layer];
	if (set->n == VANGUARDS_MAX)
		return STATE_E_FORMAT;
	for (size_t i = 0; i < set->n; i++) {
		if (!memcmp(set->v[i].rsa_id, r.v.rsa_id, RSA_ID_LEN))
			return STATE_E_FORMAT;
	}
	set->v[set->n++] = r.v;
	return 0;
}

static void forget(struct vanguard_set sets[VANGUARD_LAYERS])
{
	for (size_t i = 0; i < VANGUARD_LAYERS; i++)
		sets[i].n = 0;
}

int vanguard_state_parse(const char *data, size_t len, struct vanguard_set ret[VANGUARD_LAYERS])
{
	forget(ret);
	return state_file_parse(data, len, VANGUARD_STATE_MAGIC, collect, ret);
}

int vanguard_state_load(const char *path, struct vanguard_set ret[VANGUARD_LAYERS])
{
	int r;

	forget(ret);
	r = state_file_load(path, VANGUARD_STATE_MAGIC, collect, ret);
	if (r)
		forget(ret);
	return r;
}

static int print_sets(FILE *f, const void *what)
{
	const struct vanguard_set *sets = what;
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)];

	for (size_t layer = 0; layer < VANGUARD_LAYERS; layer++) {
		for (size_t i = 0; i < sets[layer].n; i++) {
			const struct vanguard *v = &sets[layer].v[i];

			codec_hex_encode(hex, v->rsa_id, RSA_ID_LEN);
			fprintf(f, WORD "%zu %s %" PRId64 "\n", layer + 2, hex,
				(int64_t)v->expires);
		}
	}
	return 0;
}

int vanguard_state_encode(const struct vanguard_set sets[VANGUARD_LAYERS], char **ret,
			  size_t *ret_len)
{
	return state_file_encode(VANGUARD_STATE_MAGIC, print_sets, sets, ret, ret_len);
}

int vanguard_state_save(const char *path, const struct vanguard_set sets[VANGUARD_LAYERS])
{
	return state_file_save(path, VANGUARD_STATE_MAGIC, print_sets, sets);
}
