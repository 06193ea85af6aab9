/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decompress.h - content encodings of directory documents (dir-spec 6.1)
 *
 * One call decodes a whole body. What comes out is bounded absolutely and in
 * proportion to what went in, memory of the decoders is bounded, and a stream
 * that ends early or is followed by garbage is refused. Several compressed
 * streams in a row count as one document, as the specification asks.
 */
#ifndef DIRCLIENT_DECOMPRESS_H
#define DIRCLIENT_DECOMPRESS_H

#include <stddef.h>

enum dir_encoding {
	DIR_ENCODING_IDENTITY,
	DIR_ENCODING_ZLIB,	/* "deflate": RFC 1950 */
	DIR_ENCODING_GZIP,
	DIR_ENCODING_ZSTD,	/* "x-zstd" */
	DIR_ENCODING_LZMA,	/* "x-tor-lzma": the legacy .lzma format */
};

enum decompress_error {
	DECOMPRESS_E_FORMAT = 1,	/* not such a stream, or damaged */
	DECOMPRESS_E_TRUNCATED,
	DECOMPRESS_E_LIMIT,		/* larger than asked for, or a bomb */
	DECOMPRESS_E_ENCODING,		/* a name we did not offer */
};

/* Beyond this much output, at most this many bytes may come of one (as C tor does). */
#define DECOMPRESS_FREE_LEN (64 * 1024)
#define DECOMPRESS_FACTOR_MAX 25
#define DECOMPRESS_STREAMS_MAX 64

/* The value of a Content-Encoding header; NULL or "" means none. 0 or DECOMPRESS_E_ENCODING. */
int dir_encoding_parse(const char *name, enum dir_encoding *ret);
/* Without the header: zlib and gzip are told by their first bytes. */
enum dir_encoding dir_encoding_guess(const void *data, size_t len);
/*
 * The result is malloc()ed, with a NUL behind @ret_len. 0, -ENOMEM or a
 * decompress_error.
 */
int dir_decompress(enum dir_encoding encoding, const void *data, size_t len, size_t max,
		   char **ret_text, size_t *ret_len);

#endif
