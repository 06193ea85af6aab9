/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls.h - the TLS client under a channel (tor-spec 2)
 *
 * TLS hides the cells; it does not tell who the relay is. Any certificate is
 * taken here, and its digest is what the CERTS cell must vouch for.
 *
 * The caller owns the descriptor and its readiness. Sealing and sending are two
 * steps, so that many records leave in one system call; likewise one recv() may
 * fill the buffer for many records.
 */
#ifndef LINK_TLS_H
#define LINK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/crypto.h"

#define TLS_RECORD_MAX 16384	/* plaintext bytes of one record (RFC 8446 5.1) */
#define TLS_IN_MAX 65536	/* bytes taken from the socket at once */

struct tls_context;	/* what all sessions share */
struct tls;

/* Peer's condition, from tls_handshake(), tls_read() and tls_flush(). */
enum tls_error {
	TLS_E_FAILED = 1,	/* TLS went wrong, or the peer wants what we refuse */
	TLS_E_CLOSED = 2,	/* end of the connection, orderly or not */
	TLS_E_SOCKET = 3,	/* reset, timed out: see tls_errno() */
};

/* NULL when GnuTLS cannot be initialised. */
struct tls_context *tls_context_new(void);
void tls_context_free(struct tls_context *ctx);

/* @fd: a connected non-blocking TCP socket, borrowed. NULL when out of memory. */
struct tls *tls_client_new(struct tls_context *ctx, int fd);
/* Wipes and frees; sends nothing. NULL is fine. */
void tls_free(struct tls *t);

/*
 * Goes on with the handshake. 0 when it is complete, -EAGAIN when it waits for the
 * socket, else enum tls_error. tls_peer_digest() is valid after 0.
 */
int tls_handshake(struct tls *t);
/* SHA-256 of the DER certificate that the peer presented. */
const uint8_t *tls_peer_digest(const struct tls *t);

/*
 * Up to @cap bytes of plaintext. @budget: bytes still allowed from the socket in
 * this round, reduced by what was taken, and to 0 when the socket was found empty;
 * at 0 only what was buffered is decrypted.
 * >0: bytes read; -EAGAIN: nothing now; 0: over, and *ret_error is an enum tls_error.
 */
ssize_t tls_read(struct tls *t, void *buf, size_t cap, size_t *budget, int *ret_error);
/* True when a read may yield data without the socket. */
bool tls_has_buffered(const struct tls *t);

/* Makes a record of @len <= TLS_RECORD_MAX bytes, to be sent. 0 or TLS_E_FAILED. */
int tls_seal(struct tls *t, const void *data, size_t len);
/* Sealed bytes that the socket has not taken yet. */
size_t tls_unsent(const struct tls *t);
/* One send(). 0: all gone; -EAGAIN: some left; else enum tls_error. */
int tls_flush(struct tls *t);
/* Seals a close_notify for a last tls_flush(). */
void tls_close_notify(struct tls *t);

/* errno behind TLS_E_SOCKET; 0 when there was none. */
int tls_errno(const struct tls *t);
/* What went wrong, for debug logs. */
const char *tls_error_text(const struct tls *t);
/* Bytes taken from and given to the socket, TLS included. */
void tls_bytes(const struct tls *t, uint64_t *ret_in, uint64_t *ret_out);
/* For debug logs: "TLS1.3-..."; valid until tls_free(). */
const char *tls_describe(struct tls *t);
/* RFC 5705 exporter, for AUTHENTICATE cells (tor-spec 4.4.2). 0 or -EIO. */
int tls_export(struct tls *t, const char *label, const void *context, size_t context_len,
	       void *out, size_t out_len);

#endif
