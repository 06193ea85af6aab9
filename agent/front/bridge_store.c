/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridge_store.c - what is known of the bridges, on disk (framed by path/state_file.c)
 *
 *	onionify-bridges 1
 *	bridge TRANSPORT ADDRESS:PORT RSA LEARNED ED NTOR CAPS PUBLISHED NICK
 *	end <lines> <SHA-256>
 *
 *	TRANSPORT	as in the Bridge line; "-" none
 *	RSA		identity, 40 hex digits
 *	LEARNED		1 when it came from the first connection, 0 when from the line
 *	ED, NTOR	base64 without padding; "-" before there is a descriptor
 *	CAPS		enum relay_cap, decimal
 *	PUBLISHED	of the descriptor, seconds since 1970; 0 none
 *	NICK		"-" none
 *
 * Lines of bridges that are configured no more are dropped with the next save.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/bridges_internal.h"
#include "agent/path/state_file.h"
#include "common/codec.h"
#include "common/log.h"

#define MAGIC "onionify-bridges"
#define FIELDS 10

struct fields {
	char word[FIELDS][128];
};

static bool split(const char *line, struct fields *f)
{
	size_t n = 0;

	while (n < FIELDS) {
		size_t len = strcspn(line, " ");

		if (len == 0 || len >= sizeof(f->word[0]))
			return false;
		memcpy(f->word[n], line, len);
		f->word[n++][len] = '\0';
		line += len;
		if (n < FIELDS && *line++ != ' ')
			return false;
	}
	return *line == '\0';
}

static struct bridge *find(struct bridges *s, const char *transport, const struct addr_port *addr)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct bridge_line *l = s->list[i].line;

		if (addr_port_equal(&l->addr, addr) &&
		    strcmp(l->transport[0] ? l->transport : "-", transport) == 0)
			return &s->list[i];
	}
	return NULL;
}

static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret <= max;
}

static bool key(const char *text, uint8_t out[32])
{
	return codec_base64_decode(out, 32, text, strlen(text)) == 32;
}

static bool is_nickname(const char *s)
{
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s))
			return false;
	}
	return true;
}

/* ED NTOR CAPS PUBLISHED NICK */
static bool parse_keys(const struct fields *f, struct relay_target *t, time_t *published)
{
	uint64_t caps, date;

	if (!number(f->word[7], UINT32_MAX, &caps) || !number(f->word[8], INT64_MAX, &date))
		return false;
	if (strcmp(f->word[5], "-") != 0) {
		if (!key(f->word[5], t->ed_id))
			return false;
		t->has_ed = true;
	}
	if (strcmp(f->word[6], "-") == 0)
		return date == 0;
	if (!key(f->word[6], t->ntor_key) || !t->has_ed)
		return false;
	t->has_ntor = true;
	t->caps = (uint32_t)caps;
	*published = (time_t)date;
	if (strcmp(f->word[9], "-") == 0)
		return true;
	if (strlen(f->word[9]) >= sizeof(t->nickname) || !is_nickname(f->word[9]))
		return false;
	memcpy(t->nickname, f->word[9], strlen(f->word[9]) + 1);
	return true;
}

static int load_line(void *ctx, const char *line)
{
	struct bridges *s = ctx;
	struct relay_target t = { .has_ed = false };
	struct addr_port addr;
	struct fields f;
	struct bridge *b;
	time_t published = 0;
	uint64_t learned;

	if (!split(line, &f) || strcmp(f.word[0], "bridge") != 0 ||
	    addr_port_parse(f.word[2], strlen(f.word[2]), &addr) < 0 ||
	    codec_hex_decode(t.rsa_id, RSA_ID_LEN, f.word[3], strlen(f.word[3])) < 0 ||
	    !number(f.word[4], 1, &learned) || !parse_keys(&f, &t, &published))
		return STATE_E_FORMAT;
	b = find(s, f.word[1], &addr);
	/* A line that names a fingerprint today decides, whatever was learned once. */
	if (!b || (b->line->has_id && memcmp(b->line->rsa_id, t.rsa_id, RSA_ID_LEN) != 0))
		return 0;
	t.or_v4 = b->target.or_v4;
	t.or_v6 = b->target.or_v6;
	b->target = t;
	b->published = published;
	b->known = true;
	b->learned = !b->line->has_id;
	return 0;
}

int bridge_store_parse(struct bridges *s, const char *data, size_t len)
{
	return state_file_parse(data, len, MAGIC, load_line, s);
}

void bridge_store_load(struct bridges *s)
{
	int r = state_file_load(s->state_path, MAGIC, load_line, s);

	s->may_save = r == 0 || r == -ENOENT;
	for (size_t i = 0; r != 0 && i < s->n; i++)
		bridge_forget(&s->list[i]);
	if (!s->may_save)
		log_warn("bridges: %s cannot be read: %s", s->state_path, strerror(-r));
}

static void print_bridge(FILE *out, const struct bridge *b)
{
	const struct relay_target *t = &b->target;
	char addr[ADDR_STR_MAX], rsa[CODEC_HEX_LEN(RSA_ID_LEN)];
	char ed[CODEC_BASE64_LEN(32)] = "-", ntor[CODEC_BASE64_LEN(32)] = "-";

	codec_hex_encode(rsa, t->rsa_id, RSA_ID_LEN);
	if (t->has_ed)
		codec_base64_encode(ed, t->ed_id, ED_ID_LEN, 0);
	if (t->has_ntor)
		codec_base64_encode(ntor, t->ntor_key, NTOR_KEY_LEN, 0);
	fprintf(out, "bridge %s %s %s %d %s %s %u %lld %s\n",
		b->line->transport[0] ? b->line->transport : "-",
		addr_port_format(&b->line->addr, addr), rsa, b->learned, ed, ntor,
		(unsigned int)t->caps, (long long)b->published,
		t->nickname[0] ? t->nickname : "-");
}

static int print_known(FILE *out, const void *what)
{
	const struct bridges *s = what;

	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].known)
			print_bridge(out, &s->list[i]);
	}
	return 0;
}

void bridge_store_save(struct bridges *s)
{
	int r;

	if (!s->may_save)
		return;
	r = state_file_save(s->state_path, MAGIC, print_known, s);
	if (r < 0)
		log_warn_limited("bridges: %s cannot be written: %s", s->state_path, strerror(-r));
}
