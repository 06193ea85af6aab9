/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guard_state.c - encode and parse the guard sample (format: guard_state.h)
 */
#include "agent/path/guard_state.h"

#include <stdio.h>
#include <string.h>

#include "agent/path/state_file.h"
#include "common/codec.h"

#define N_FIELDS 9
#define DATE_LEN 19	/* YYYY-MM-DDTHH:MM:SS */
/* 2000-01-01 and 2200-01-01: no guard was sampled outside. */
#define DATE_MIN 946684800
#define DATE_MAX 7258118400

struct field {
	const char *p;
	size_t len;
};

/* Exactly N_FIELDS words separated by one space each. */
static bool split(const char *line, struct field out[N_FIELDS])
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		out[i].p = line;
		out[i].len = strcspn(line, " ");
		line += out[i].len;
		if (!out[i].len || (*line == ' ') != (i < N_FIELDS - 1))
			return false;
		line += *line == ' ';
	}
	return true;
}

static bool field_is(const struct field *f, const char *text)
{
	return f->len == strlen(text) && !memcmp(f->p, text, f->len);
}

static bool parse_digits(const char *p, size_t n, int *ret)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*ret = v;
	return true;
}

static void format_date(time_t t, char out[DATE_LEN + 1])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, DATE_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
}

/* "-" is 0 where @optional. */
static bool parse_date(const struct field *f, bool optional, time_t *ret)
{
	struct tm tm = { 0 };
	char again[DATE_LEN + 1];
	time_t t;

	if (optional && field_is(f, "-")) {
		*ret = 0;
		return true;
	}
	if (f->len != DATE_LEN || !parse_digits(f->p, 4, &tm.tm_year) || f->p[4] != '-' ||
	    !parse_digits(f->p + 5, 2, &tm.tm_mon) || f->p[7] != '-' ||
	    !parse_digits(f->p + 8, 2, &tm.tm_mday) || f->p[10] != 'T' ||
	    !parse_digits(f->p + 11, 2, &tm.tm_hour) || f->p[13] != ':' ||
	    !parse_digits(f->p + 14, 2, &tm.tm_min) || f->p[16] != ':' ||
	    !parse_digits(f->p + 17, 2, &tm.tm_sec))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	if (t < DATE_MIN || t >= DATE_MAX)
		return false;
	/* timegm() accepts the 31st of April; its own text would differ. */
	format_date(t, again);
	if (memcmp(again, f->p, DATE_LEN) != 0)
		return false;
	*ret = t;
	return true;
}

/* Letters, digits and @more; "-" becomes "". @cap counts the NUL. */
static bool parse_word(const struct field *f, const char *more, char *ret, size_t cap)
{
	ret[0] = '\0';
	if (field_is(f, "-"))
		return true;
	if (f->len >= cap)
		return false;
	for (size_t i = 0; i < f->len; i++) {
		char c = f->p[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');

		if (!alnum && !strchr(more, c))
			return false;
	}
	memcpy(ret, f->p, f->len);
	ret[f->len] = '\0';
	return true;
}

static bool parse_ed(const struct field *f, struct guard_record *g)
{
	if (field_is(f, "-"))
		return true;
	g->has_ed = true;
	return codec_base64_decode(g->ed_id, ED_ID_LEN, f->p, f->len) == ED_ID_LEN;
}

int guard_record_parse(const char *line, struct guard_record *ret)
{
	struct guard_record g = { 0 };
	struct field f[N_FIELDS];

	if (!split(line, f) || !field_is(&f[0], "guard") ||
	    codec_hex_decode(g.rsa_id, RSA_ID_LEN, f[1].p, f[1].len) || !parse_ed(&f[2], &g) ||
	    !parse_word(&f[3], "", g.nickname, sizeof(g.nickname)) ||
	    !parse_date(&f[4], false, &g.sampled_on) ||
	    !parse_word(&f[5], ".+~-", g.sampled_by, sizeof(g.sampled_by)) ||
	    !(field_is(&f[6], "0") || field_is(&f[6], "1")) ||
	    !parse_date(&f[7], true, &g.unlisted_since) ||
	    !parse_date(&f[8], true, &g.confirmed_on))
		return STATE_E_FORMAT;
	g.listed = field_is(&f[6], "1");
	if (g.listed != !g.unlisted_since)
		return STATE_E_FORMAT;
	*ret = g;
	return 0;
}

static int collect(void *ctx, const char *line)
{
	struct guard_records *out = ctx;
	struct guard_record *g = &out->r[out->n];

	if (out->n == GUARDS_MAX || guard_record_parse(line, g))
		return STATE_E_FORMAT;
	for (size_t i = 0; i < out->n; i++) {
		if (!memcmp(out->r[i].rsa_id, g->rsa_id, RSA_ID_LEN))
			return STATE_E_FORMAT;
	}
	out->n++;
	return 0;
}

int guard_state_parse(const char *data, size_t len, struct guard_records *ret)
{
	ret->n = 0;
	return state_file_parse(data, len, GUARD_STATE_MAGIC, collect, ret);
}

int guard_state_load(const char *path, struct guard_records *ret)
{
	int r;

	ret->n = 0;
	r = state_file_load(path, GUARD_STATE_MAGIC, collect, ret);
	if (r)
		ret->n = 0;
	return r;
}

static void print_record(FILE *f, const struct guard_record *g)
{
	char hex[CODEC_HEX_LEN(RSA_ID_LEN)], ed[CODEC_BASE64_LEN(ED_ID_LEN)] = "-";
	char sampled[DATE_LEN + 1], unlisted[DATE_LEN + 1] = "-", confirmed[DATE_LEN + 1] = "-";

	codec_hex_encode(hex, g->rsa_id, RSA_ID_LEN);
	if (g->has_ed)
		codec_base64_encode(ed, g->ed_id, ED_ID_LEN, 0);
	format_date(g->sampled_on, sampled);
	if (g->unlisted_since)
		format_date(g->unlisted_since, unlisted);
	if (g->confirmed_on)
		format_date(g->confirmed_on, confirmed);
	fprintf(f, "guard %s %s %s %s %s %d %s %s\n", hex, ed, g->nickname[0] ? g->nickname : "-",
		sampled, g->sampled_by[0] ? g->sampled_by : "-", g->listed, unlisted, confirmed);
}

static int print_records(FILE *f, const void *what)
{
	const struct guard_records *records = what;

	for (size_t i = 0; i < records->n; i++)
		print_record(f, &records->r[i]);
	return 0;
}

int guard_state_encode(const struct guard_records *records, char **ret, size_t *ret_len)
{
	return state_file_encode(GUARD_STATE_MAGIC, print_records, records, ret, ret_len);
}

int guard_state_save(const char *path, const struct guard_records *records)
{
	return state_file_save(path, GUARD_STATE_MAGIC, print_records, records);
}
