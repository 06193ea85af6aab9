/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linkpeer.h - a relay's side of a link, for tests: keys, certificates, a TLS server
 *
 * Everything a relay needs to be believed, and knobs to make each part of it
 * wrong. The server runs a script in a child process over blocking TLS.
 */
#ifndef SUPPORT_LINKPEER_H
#define SUPPORT_LINKPEER_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/addr.h"
#include "common/relay_target.h"

#define LINKPEER_CERTS_MAX 8192

/* Keys and the TLS certificate of one relay. */
struct linkpeer_id {
	gnutls_privkey_t rsa;		/* identity, 1024 bits */
	gnutls_privkey_t tls_key;
	uint8_t ed_seed[32];
	uint8_t signing_seed[32];
	uint8_t tls_der[4096];
	size_t tls_der_len;
	uint8_t tls_digest[32];
	uint8_t ed_id[32];
	uint8_t rsa_id[20];
};

/* What may be wrong with a CERTS cell; all zero makes a good one. */
struct linkpeer_flaws {
	int omit;			/* leave this type out */
	int twice;			/* write this type twice */
	int cut;			/* drop the last byte of this type */
	int corrupt;			/* change the last byte (signatures) of this type */
	int expired;			/* this type has expired */
	int future;			/* RSA certificate: not valid yet */
	bool reversed;			/* types in descending order */
	bool foreign_signing;		/* type 5 signed by another key */
	bool foreign_cross;		/* type 7 names another Ed25519 identity */
	bool foreign_tls;		/* type 5 is for another TLS certificate */
	bool unnamed_signer;		/* type 4 does not name its signer */
	bool critical_ext;		/* type 4 has an unknown extension that matters */
	bool swapped_types;		/* type 4 claims type 5 inside, and the reverse */
	bool rsa_2048;			/* identity key of 2048 bits */
	bool link_key_type_1;		/* as relays before 0.4.5.1 wrote */
	int extra_type;			/* one more certificate, of this type, of garbage */
	bool trailing;			/* bytes after the last certificate */
};

void linkpeer_id_init(struct linkpeer_id *id, time_t now);
void linkpeer_id_deinit(struct linkpeer_id *id);
/* Writes the body of a CERTS cell; its length. */
size_t linkpeer_certs(const struct linkpeer_id *id, const struct linkpeer_flaws *flaws, time_t now,
		      uint8_t out[LINKPEER_CERTS_MAX]);
/* What a client that knows the relay would ask for. */
struct relay_target linkpeer_target(const struct linkpeer_id *id, const struct addr_port *at);

/* One accepted connection, inside the child process. */
struct linkpeer {
	const struct linkpeer_id *id;
	gnutls_session_t session;
	int fd;
};

typedef void (*linkpeer_script)(struct linkpeer *p, void *ctx);

struct linkpeer_server {
	pid_t pid;
	struct addr_port at;
};

/*
 * Listens on @host and serves each connection with @script, in a process of its own,
 * until stopped. @priority: GnuTLS priority string, NULL for the usual one.
 */
void linkpeer_start(struct linkpeer_server *s, const char *host, const struct linkpeer_id *id,
		    const char *priority, linkpeer_script script, void *ctx);
void linkpeer_stop(struct linkpeer_server *s);

/* For scripts. Sending failures are ignored: the client may have gone on purpose. */
void linkpeer_send(struct linkpeer *p, const void *data, size_t len);
void linkpeer_send_cell(struct linkpeer *p, uint32_t circ_id, uint8_t command, const void *body,
			size_t len);
/* The VERSIONS cell of a client. */
#define LINKPEER_VERSIONS_LEN 11
void linkpeer_send_versions(struct linkpeer *p);
void linkpeer_send_certs(struct linkpeer *p, const struct linkpeer_flaws *flaws);
void linkpeer_send_netinfo(struct linkpeer *p, uint32_t timestamp);
/* Reads exactly @len bytes; false at the end. */
bool linkpeer_recv(struct linkpeer *p, void *out, size_t len);
/* The whole handshake of a good relay. False when the client left. */
bool linkpeer_handshake(struct linkpeer *p);

#endif
