/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * codec.h - hexadecimal, base64 and base32 between bytes and text
 *
 * Text is (pointer, length), not NUL-terminated on input. Encoders always
 * NUL-terminate. Decoders refuse any character outside the alphabet (white
 * space too), a wrong length and non-zero trailing bits.
 */
#ifndef COMMON_CODEC_H
#define COMMON_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for an encoding of @n bytes with its NUL. */
#define CODEC_HEX_LEN(n) (2 * (n) + 1)
#define CODEC_BASE64_LEN(n) (((n) + 2) / 3 * 4 + 1)
#define CODEC_BASE32_LEN(n) (((n) * 8 + 4) / 5 + 1)

/* @out has CODEC_HEX_LEN(@len) bytes. Upper case, as fingerprints are written. */
void codec_hex_encode(char *out, const void *data, size_t len);
/* Exactly @out_len bytes from 2 * @out_len digits of either case. 0 or -EINVAL. */
int codec_hex_decode(void *out, size_t out_len, const char *text, size_t text_len);

/* Standard alphabet; @pad says whether '=' is written. */
void codec_base64_encode(char *out, const void *data, size_t len, int pad);
/*
 * Padded or unpadded. Returns the number of bytes written (<= @cap), or -EINVAL
 * for bad text, -ENOSPC where they do not fit.
 */
ssize_t codec_base64_decode(void *out, size_t cap, const char *text, size_t text_len);
/* As above, for text with line breaks (PEM bodies); only LF and CRLF are skipped. */
ssize_t codec_base64_decode_lines(void *out, size_t cap, const char *text, size_t text_len);

/* RFC 4648 alphabet, lower case out, either case in, no padding. */
void codec_base32_encode(char *out, const void *data, size_t len);
ssize_t codec_base32_decode(void *out, size_t cap, const char *text, size_t text_len);

#endif
