/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * codec.c - see codec.h
 *
 * base64 and base32 share one bit shifter: characters of @bits bits each, most
 * significant first. What remains at the end must be fewer bits than a character
 * has, and zero, so that no two texts decode to the same bytes.
 */
#include "common/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static int base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

void codec_hex_encode(char *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 0xf];
	}
	out[2 * len] = '\0';
}

int codec_hex_decode(void *out, size_t out_len, const char *text, size_t text_len)
{
	uint8_t *bytes = out;

	if (text_len % 2 != 0 || text_len / 2 != out_len)
		return -EINVAL;
	for (size_t i = 0; i < text_len; i++)
		if (hex_value(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < out_len; i++)
		bytes[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return 0;
}

/* Bits to characters of @bits bits, the last one filled up with zeros; the end. */
static char *encode_bits(char *out, const uint8_t *in, size_t len, unsigned int bits,
			 const char *alphabet)
{
	unsigned int mask = (1u << bits) - 1;
	unsigned int have = 0;
	uint32_t acc = 0;

	for (size_t i = 0; i < len; i++) {
		acc = acc << 8 | in[i];
		have += 8;
		while (have >= bits) {
			have -= bits;
			*out++ = alphabet[acc >> have & mask];
		}
	}
	if (have > 0)
		*out++ = alphabet[acc << (bits - have) & mask];
	return out;
}

struct decoder {
	uint8_t *out;
	size_t cap;
	size_t len;
	unsigned int bits;	/* of one character */
	unsigned int have;	/* bits in @acc */
	uint32_t acc;
	size_t n_chars;
};

/* One character's value. 0, -EINVAL, -ENOSPC. */
static int decode_char(struct decoder *d, int value)
{
	if (value < 0)
		return -EINVAL;
	d->acc = d->acc << d->bits | (uint32_t)value;
	d->have += d->bits;
	d->n_chars++;
	if (d->have < 8)
		return 0;
	if (d->len == d->cap)
		return -ENOSPC;
	d->have -= 8;
	d->out[d->len++] = (uint8_t)(d->acc >> d->have);
	return 0;
}

static ssize_t decode_finish(const struct decoder *d)
{
	if (d->have >= d->bits || (d->acc & ((1u << d->have) - 1)) != 0)
		return -EINVAL;
	return (ssize_t)d->len;
}

void codec_base64_encode(char *out, const void *data, size_t len, int pad)
{
	char *end = encode_bits(out, data, len, 6, base64_alphabet);

	while (pad && (end - out) % 4 != 0)
		*end++ = '=';
	*end = '\0';
}

/* The length of the line break at @text, 0 when there is none. */
static size_t line_break(const char *text, size_t len)
{
	if (len >= 1 && text[0] == '\n')
		return 1;
	return len >= 2 && text[0] == '\r' && text[1] == '\n' ? 2 : 0;
}

static ssize_t base64_decode(void *out, size_t cap, const char *text, size_t len, bool lines)
{
	struct decoder d = { .out = out, .cap = cap, .bits = 6 };
	size_t n_pad = 0;

	for (size_t i = 0; i < len; i++) {
		size_t skip = lines ? line_break(text + i, len - i) : 0;
		int rc;

		if (skip > 0) {
			i += skip - 1;
			continue;
		}
		if (text[i] == '=') {
			n_pad++;
			continue;
		}
		if (n_pad > 0)
			return -EINVAL;
		rc = decode_char(&d, base64_value(text[i]));
		if (rc < 0)
			return rc;
	}
	if (n_pad > 2 || (n_pad > 0 && (d.n_chars + n_pad) % 4 != 0))
		return -EINVAL;
	return decode_finish(&d);
}

ssize_t codec_base64_decode(void *out, size_t cap, const char *text, size_t text_len)
{
	return base64_decode(out, cap, text, text_len, false);
}

ssize_t codec_base64_decode_lines(void *out, size_t cap, const char *text, size_t text_len)
{
	return base64_decode(out, cap, text, text_len, true);
}

void codec_base32_encode(char *out, const void *data, size_t len)
{
	*encode_bits(out, data, len, 5, base32_alphabet) = '\0';
}

ssize_t codec_base32_decode(void *out, size_t cap, const char *text, size_t text_len)
{
	struct decoder d = { .out = out, .cap = cap, .bits = 5 };

	for (size_t i = 0; i < text_len; i++) {
		int rc = decode_char(&d, base32_value(text[i]));

		if (rc < 0)
			return rc;
	}
	return decode_finish(&d);
}
