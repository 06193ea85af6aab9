/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consensus.h - the network status consensus, microdescriptor flavour
 *
 * consensus_parse() reads a document whose signatures are not checked yet;
 * consensus_verify() counts the signatures of configured authorities, one vote
 * each, more than half of them required. Only then may the relays in it be used.
 * What is outside of the signed part (the first item through the first
 * "directory-signature ") is used for nothing but signatures.
 * Spec: dir-spec 3.4.1, 3.9.2, 5.1.
 */
#ifndef DIRCLIENT_CONSENSUS_H
#define DIRCLIENT_CONSENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/crypto.h"
#include "dirclient/dirclient.h"
#include "dirclient/keycert.h"
#include "dirclient/netdir.h"
#include "dirclient/netdoc.h"

/* The public network's document is 2.7 MB for 9000 relays; C tor stops at 10 MB. */
#define CONSENSUS_TEXT_MAX (10 * 1024 * 1024)
#define CONSENSUS_RELAYS_MAX 40000
#define CONSENSUS_PARAMS_MAX 512
#define CONSENSUS_PARAM_NAME_MAX 63
#define CONSENSUS_SIGNATURES_MAX 64
#define CONSENSUS_PROTO_MAX 2048
/* A consensus this much before valid-after or past valid-until still serves (dir-spec 5.1). */
#define CONSENSUS_REASONABLY_LIVE (24 * 3600)

struct consensus_param {
	char name[CONSENSUS_PARAM_NAME_MAX + 1];
	int32_t value;
};

struct consensus_signature {
	uint8_t identity[RSA_ID_LEN];
	uint8_t signing_id[RSA_ID_LEN];
	uint8_t sig[KEYCERT_SIG_MAX];
	uint16_t sig_len;
};

struct consensus {
	struct netdir_times times;
	uint32_t method;		/* consensus-method, 0 when absent */
	struct relay *relays;		/* ascending RSA ids */
	size_t n_relays;
	struct consensus_param *params;	/* ascending names */
	size_t n_params;
	int32_t weights[WEIGHT_N];	/* -1: absent */
	bool has_srv[SRV_N];		/* shared random values (rend-spec-v3 2.3) */
	uint8_t srv[SRV_N][SHARED_RANDOM_LEN];
	char *required_client;		/* "required-client-protocols", NULL: absent */
	struct consensus_signature *sigs;
	size_t n_sigs;
	uint8_t digest[SHA256_LEN];	/* of the signed part: what authorities sign */
	uint8_t sha3[SHA3_256_LEN];	/* of the signed part: names the document in diffs */
};

/* 0 and a new consensus, -ENOMEM, or a netdoc_error. */
int consensus_parse(const char *text, size_t len, struct consensus **ret);
void consensus_free(struct consensus *c);
/* Length of the signed part at the start of @text, or 0. */
size_t consensus_signed_len(const char *text, size_t len);
/* The parameter's value, or @def. */
int32_t consensus_param(const struct consensus *c, const char *name, int32_t def);

/* Certificates at hand, of configured authorities only. */
struct keycert_store {
	struct keycert *certs;
	size_t n;
};

struct consensus_missing {
	uint8_t identity[RSA_ID_LEN];
	uint8_t signing_id[RSA_ID_LEN];
};

struct consensus_check {
	unsigned int good;	/* authorities whose signature is right */
	unsigned int bad;	/* whose signature is wrong */
	unsigned int unknown;	/* signatures of nobody we trust */
	unsigned int needed;	/* more than half of the configured ones */
	size_t n_missing;	/* signed by a key whose certificate is not at hand */
	struct consensus_missing missing[DIR_AUTHORITIES_MAX];
};

enum consensus_verdict {
	CONSENSUS_GOOD,
	CONSENSUS_PENDING,	/* could be good once the missing certificates are here */
	CONSENSUS_REFUSED,
};

enum consensus_verdict consensus_verify(const struct consensus *c,
					const struct dir_authority *authorities,
					size_t n_authorities, const struct keycert_store *store,
					time_t wall, struct consensus_check *ret);

/* Live, or at most a day early or late. */
bool consensus_is_reasonably_live(const struct netdir_times *t, time_t wall);
/* valid-after has passed, valid-until has not. */
bool consensus_is_live(const struct netdir_times *t, time_t wall);

/* --- consensus_relay.c: one router status entry at a time --- */
struct relay_draft {
	struct relay relay;
	unsigned int seen;
	/* "pr" lines repeat: the last few (borrowed text) and what they meant. */
	struct {
		struct netdoc_str text;
		uint32_t caps;
	} recent_pr[8];
	unsigned int recent_pr_next;
};
/* Begins a new entry with its "r" line. 0 or a netdoc_error. */
int relay_draft_begin(struct relay_draft *d, const struct netdoc_item *r_line);
/* Any other line of the entry; unknown ones are skipped. */
int relay_draft_item(struct relay_draft *d, const struct netdoc_item *item);
/* All that is required was there? */
int relay_draft_finish(const struct relay_draft *d);

#endif
