/* SPDX-License-Identifier: BSD-3-Clause */
/* consensus_verify.c - who signed a consensus, and when it holds; see consensus.h */
#include <assert.h>
#include <string.h>

#include "dirclient/consensus.h"

/* Order of what is known of an authority: a later signature may only improve it. */
enum vote { VOTE_NONE, VOTE_BAD, VOTE_MISSING, VOTE_GOOD };

static ssize_t find_authority(const struct dir_authority *a, size_t n, const uint8_t *identity)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(a[i].v3ident, identity, RSA_ID_LEN) == 0)
			return (ssize_t)i;
	return -1;
}

static const struct keycert *find_cert(const struct keycert_store *store,
				       const struct consensus_signature *s, time_t wall)
{
	for (size_t i = 0; i < store->n; i++) {
		const struct keycert *c = &store->certs[i];

		if (memcmp(c->identity, s->identity, RSA_ID_LEN) == 0 &&
		    memcmp(c->signing_id, s->signing_id, RSA_ID_LEN) == 0 && c->expires > wall)
			return c;
	}
	return NULL;
}

static enum vote judge(const struct consensus *c, const struct consensus_signature *s,
		       const struct keycert_store *store, time_t wall)
{
	const struct keycert *cert = find_cert(store, s, wall);

	if (!cert)
		return VOTE_MISSING;
	return crypto_rsa_verify(cert->signing_key, cert->signing_key_len, c->digest,
				 sizeof(c->digest), s->sig, s->sig_len) == 0
		       ? VOTE_GOOD : VOTE_BAD;
}

/* An authority that signed twice has one vote: its best signature counts. */
static void count(const enum vote *votes, const struct consensus_signature *const *by, size_t n,
		  struct consensus_check *ret)
{
	for (size_t i = 0; i < n; i++) {
		struct consensus_missing *m = &ret->missing[ret->n_missing];

		switch (votes[i]) {
		case VOTE_NONE:
			break;
		case VOTE_BAD:
			ret->bad++;
			break;
		case VOTE_GOOD:
			ret->good++;
			break;
		case VOTE_MISSING:
			memcpy(m->identity, by[i]->identity, RSA_ID_LEN);
			memcpy(m->signing_id, by[i]->signing_id, RSA_ID_LEN);
			ret->n_missing++;
			break;
		}
	}
}

enum consensus_verdict consensus_verify(const struct consensus *c,
					const struct dir_authority *authorities,
					size_t n_authorities, const struct keycert_store *store,
					time_t wall, struct consensus_check *ret)
{
	enum vote votes[DIR_AUTHORITIES_MAX] = {VOTE_NONE};
	const struct consensus_signature *by[DIR_AUTHORITIES_MAX] = {NULL};

	assert(n_authorities <= DIR_AUTHORITIES_MAX);
	memset(ret, 0, sizeof(*ret));
	ret->needed = (unsigned int)(n_authorities / 2 + 1);
	for (size_t i = 0; i < c->n_sigs; i++) {
		ssize_t a = find_authority(authorities, n_authorities, c->sigs[i].identity);
		enum vote v;

		if (a < 0) {
			ret->unknown++;
			continue;
		}
		if (votes[a] == VOTE_GOOD)
			continue;
		v = judge(c, &c->sigs[i], store, wall);
		if (v > votes[a]) {
			votes[a] = v;
			by[a] = &c->sigs[i];
		}
	}
	count(votes, by, n_authorities, ret);
	if (ret->good >= ret->needed)
		return CONSENSUS_GOOD;
	return ret->good + ret->n_missing >= ret->needed ? CONSENSUS_PENDING : CONSENSUS_REFUSED;
}

bool consensus_is_reasonably_live(const struct netdir_times *t, time_t wall)
{
	return wall >= t->valid_after - CONSENSUS_REASONABLY_LIVE &&
	       wall <= t->valid_until + CONSENSUS_REASONABLY_LIVE;
}

bool consensus_is_live(const struct netdir_times *t, time_t wall)
{
	return wall >= t->valid_after && wall <= t->valid_until;
}
