/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * testdir.h - a directory of one's own: authorities, certificates, consensuses
 *
 * Makes small or large networks whose documents are properly signed, and every
 * kind of improper one. Relays are drawn from a seed, so that two runs give the
 * same network (but for RSA keys, which GnuTLS draws).
 */
#ifndef SUPPORT_TESTDIR_H
#define SUPPORT_TESTDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "dirclient/dirclient.h"

struct testdir;

struct testdir_doc {
	time_t valid_after;
	unsigned int interval_s;	/* fresh for this long, 0: 3600 */
	unsigned int n_intervals;	/* valid for so many, 0: 3 */
	uint64_t signers;		/* bit per authority, 0: all */
	uint64_t spoiled;		/* of those, whose signature is damaged */
	uint64_t twice;			/* of those, who sign twice */
	const char *params;		/* NULL: none */
	const char *required_client;	/* NULL: what the public network requires */
	const char *extra;		/* lines put into the preamble, NULL: none */
	size_t skip_relay;		/* leaves out every relay whose number is a multiple, 0: none */
	size_t shift;			/* relay i has the microdescriptor text number i + shift */
};

/* Aborts when anything fails: this is for tests. @bits of RSA keys, 1024 is quick. */
struct testdir *testdir_new(unsigned int n_authorities, size_t n_relays, unsigned int bits);
void testdir_free(struct testdir *td);

const struct dir_authority *testdir_authorities(const struct testdir *td);
unsigned int testdir_n_authorities(const struct testdir *td);
size_t testdir_n_relays(const struct testdir *td);

/* A certificate; malloc()ed text. @expires 0: in a year. */
char *testdir_cert(const struct testdir *td, unsigned int authority, time_t published,
		   time_t expires, size_t *ret_len);
/* All of them. */
char *testdir_certs(const struct testdir *td, time_t published, size_t *ret_len);
/* A signed consensus; malloc()ed text. */
char *testdir_consensus(const struct testdir *td, const struct testdir_doc *doc, size_t *ret_len);
/* Signs @text (a consensus up to and with "directory-footer"...) with @signers; malloc()ed. */
char *testdir_sign(const struct testdir *td, const char *text, const struct testdir_doc *doc,
		   size_t *ret_len);
/* Microdescriptor of relay @i, borrowed. */
const char *testdir_microdesc(const struct testdir *td, size_t i, size_t *ret_len,
			      uint8_t ret_digest[32]);
/* All of them, concatenated; malloc()ed. */
char *testdir_microdescs(const struct testdir *td, size_t *ret_len);

/*
 * Answers a directory request as a relay would: an HTTP/1.0 response, malloc()ed.
 * @consensus is what this directory holds.
 */
char *testdir_answer(const struct testdir *td, const char *request, const char *consensus,
		     size_t consensus_len, time_t wall, size_t *ret_len);

#endif
