/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_codec.c - any text through every decoder; what decodes must encode back
 *
 * Decoders refuse what no encoder writes, so text and bytes are one to one, up to
 * case and padding.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/codec.h"

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void base64(const char *text, size_t len)
{
	uint8_t bytes[TEXT_MAX];
	char back[CODEC_BASE64_LEN(TEXT_MAX)];
	ssize_t n = codec_base64_decode(bytes, sizeof(bytes), text, len);

	(void)codec_base64_decode_lines(bytes, len / 2, text, len);
	if (n < 0)
		return;
	n = codec_base64_decode(bytes, sizeof(bytes), text, len);
	codec_base64_encode(back, bytes, (size_t)n, len > 0 && text[len - 1] == '=');
	check(strlen(back) == len && memcmp(back, text, len) == 0);
}

static void base32_and_hex(const char *text, size_t len)
{
	uint8_t bytes[TEXT_MAX];
	char back[CODEC_HEX_LEN(TEXT_MAX)];
	ssize_t n = codec_base32_decode(bytes, sizeof(bytes), text, len);

	if (n >= 0) {
		codec_base32_encode(back, bytes, (size_t)n);
		check(strlen(back) == len && strncasecmp(back, text, len) == 0);
	}
	if (codec_hex_decode(bytes, len / 2, text, len) == 0) {
		codec_hex_encode(back, bytes, len / 2);
		check(strlen(back) == len && strncasecmp(back, text, len) == 0);
	}
}

static void address(const char *text, size_t len)
{
	struct addr_port ap, ap_back;
	struct addr a, a_back;
	char buf[ADDR_STR_MAX];

	if (addr_parse(text, len, &a) == 0) {
		addr_format(&a, buf);
		check(addr_parse(buf, strlen(buf), &a_back) == 0 && addr_equal(&a, &a_back));
		(void)addr_is_internal(&a);
	}
	if (addr_port_parse(text, len, &ap) == 0) {
		addr_port_format(&ap, buf);
		check(addr_port_parse(buf, strlen(buf), &ap_back) == 0 &&
		      addr_port_equal(&ap, &ap_back));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > TEXT_MAX)
		return 0;
	base64((const char *)data, len);
	base32_and_hex((const char *)data, len);
	address((const char *)data, len);
	return 0;
}
