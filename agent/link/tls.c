/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls.c - see tls.h
 *
 * The ClientHello. An observer should see nothing that tells us from C tor, which
 * in turn offers what a browser of some years ago did. GnuTLS lets us choose
 * algorithms and, within each kind, their order; it has its own order of
 * extensions and of suites (key exchange first). See PRIORITY for what remains.
 *
 * Never used: resumption, early data, renegotiation, compression, client
 * certificates, static-RSA key exchange (offered as C tor does, refused when taken).
 */
#include "agent/link/tls.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/codec.h"
#include "common/secret.h"

/*
 * C tor 0.4.9 with OpenSSL 3.0 sends, captured from 0.4.9.11:
 *   suites      1301 1303 1302 c02b c02f cca9 cca8 c02c c030 c00a c009 c013 c014
 *               009c 009d 002f 0035 00ff
 *   extensions  0 11 10 35 22 23 13 43 45 51 21, groups 0017 001d 0015
 * The same here: suites and groups, one P-256 key share, session ticket without
 * tickets kept, padding to 512 bytes, server name, versions, legacy session ID.
 * Different, and not GnuTLS 3.7's to change: the order of suites and extensions;
 * no 00ff; extensions 5 and 28 are added; 11 lists uncompressed points only; 13
 * lacks SHA-224, SHA-1 and DSA; 45 names psk_ke too; the outer record says TLS 1.2.
 */
#define PRIORITY \
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+COMP-NULL" \
	":+ECDHE-ECDSA:+ECDHE-RSA:+RSA" \
	":+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AES-256-CBC:+AES-128-CBC" \
	":+AEAD:+SHA1" \
	":+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP224R1" \
	":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512" \
	":+SIGN-EDDSA-ED25519:+SIGN-EDDSA-ED448" \
	":+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512" \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512" \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512" \
	":+CTYPE-X509:%DISABLE_SAFE_RENEGOTIATION:%DUMBFW"

/* C tor's made-up server names: "www." 4..25 base32 letters ".com". */
#define SNI_LETTERS_MIN 4
#define SNI_LETTERS_MAX 25

/* Sealed bytes kept: a full run of records, with their overhead, for one send(). */
#define OUT_INITIAL 16384
/* Records in a row that carry no data; a peer that sends more only wastes our time. */
#define EMPTY_RECORDS_MAX 32

/* TLS 1.3 keys are changed well before the 2^24.5 records of RFC 8446 5.5. */
#define KEY_RECORDS_MAX (1u << 23)

struct tls_context {
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t cred;
};

struct tls {
	gnutls_session_t session;
	int fd;
	int sock_errno;
	int last_error;		/* of GnuTLS */
	uint64_t n_sealed;	/* records under the present key */
	uint64_t bytes_in, bytes_out;
	bool eof;
	uint8_t digest[SHA256_LEN];
	char *desc;
	size_t *budget;		/* of the read in progress; NULL: unlimited */
	/* from the socket, not decrypted yet */
	size_t in_start, in_end;
	uint8_t in[TLS_IN_MAX];
	/* sealed, not sent yet */
	uint8_t *out;
	size_t out_start, out_end, out_cap;
};

struct tls_context *tls_context_new(void)
{
	struct tls_context *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	if (gnutls_priority_init(&ctx->priority, PRIORITY, NULL) != GNUTLS_E_SUCCESS)
		goto fail;
	if (gnutls_certificate_allocate_credentials(&ctx->cred) != GNUTLS_E_SUCCESS) {
		gnutls_priority_deinit(ctx->priority);
		goto fail;
	}
	return ctx;
fail:
	free(ctx);
	return NULL;
}

void tls_context_free(struct tls_context *ctx)
{
	if (!ctx)
		return;
	gnutls_certificate_free_credentials(ctx->cred);
	gnutls_priority_deinit(ctx->priority);
	free(ctx);
}

/* GnuTLS reads through this: record headers cost no system call of their own. */
static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct tls *t = ptr;
	size_t n = t->in_end - t->in_start;

	if (n == 0) {
		size_t want = sizeof(t->in);
		ssize_t got;

		if (t->budget && *t->budget < want)
			want = *t->budget;
		if (t->eof)
			return 0;
		if (want == 0) {
			gnutls_transport_set_errno(t->session, EAGAIN);
			return -1;
		}
		do {
			got = recv(t->fd, t->in, want, 0);
		} while (got < 0 && errno == EINTR);
		if (got < 0) {
			if (errno != EAGAIN)
				t->sock_errno = errno;
			gnutls_transport_set_errno(t->session, errno);
			return -1;
		}
		if (got == 0)
			t->eof = true;
		/* A short read emptied the socket: spare the call that would say so. */
		if (t->budget)
			*t->budget = (size_t)got < want ? 0 : *t->budget - (size_t)got;
		t->in_start = 0;
		t->in_end = n = (size_t)got;
		t->bytes_in += n;
	}
	if (n > len)
		n = len;
	memcpy(buf, t->in + t->in_start, n);
	t->in_start += n;
	return (ssize_t)n;
}

/* Room for @len more sealed bytes. */
static bool out_reserve(struct tls *t, size_t len)
{
	size_t used = t->out_end - t->out_start;
	size_t cap = t->out_cap ? t->out_cap : OUT_INITIAL;
	uint8_t *grown;

	if (t->out_cap - t->out_end >= len)
		return true;
	if (t->out_start > 0) {
		memmove(t->out, t->out + t->out_start, used);
		t->out_start = 0;
		t->out_end = used;
		if (t->out_cap - used >= len)
			return true;
	}
	while (cap - used < len)
		cap *= 2;
	grown = realloc(t->out, cap);
	if (!grown)
		return false;
	t->out = grown;
	t->out_cap = cap;
	return true;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int n)
{
	struct tls *t = ptr;
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (!out_reserve(t, total)) {
		gnutls_transport_set_errno(t->session, ENOMEM);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		memcpy(t->out + t->out_end, iov[i].iov_base, iov[i].iov_len);
		t->out_end += iov[i].iov_len;
	}
	return (ssize_t)total;
}

static int set_server_name(gnutls_session_t session)
{
	uint8_t random[(SNI_LETTERS_MAX * 5 + 7) / 8];
	char letters[CODEC_BASE32_LEN(sizeof(random))];
	char name[4 + SNI_LETTERS_MAX + 4 + 1] = "www.";
	size_t n = SNI_LETTERS_MIN + crypto_random_below(SNI_LETTERS_MAX - SNI_LETTERS_MIN + 1);

	crypto_random(random, sizeof(random));
	codec_base32_encode(letters, random, sizeof(random));
	memcpy(name + 4, letters, n);
	memcpy(name + 4 + n, ".com", 5);
	return gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
}

struct tls *tls_client_new(struct tls_context *ctx, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));
	gnutls_session_t s;

	if (!t)
		return NULL;
	t->fd = fd;
	if (gnutls_init(&s, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
				    GNUTLS_KEY_SHARE_TOP) != GNUTLS_E_SUCCESS) {
		free(t);
		return NULL;
	}
	t->session = s;
	if (gnutls_priority_set(s, ctx->priority) != GNUTLS_E_SUCCESS ||
	    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, ctx->cred) != GNUTLS_E_SUCCESS ||
	    set_server_name(s) != GNUTLS_E_SUCCESS) {
		tls_free(t);
		return NULL;
	}
	gnutls_transport_set_ptr(s, t);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_vec_push_function(s, push);
	/* The channel's own timer ends a handshake that takes too long. */
	gnutls_handshake_set_timeout(s, GNUTLS_INDEFINITE_TIMEOUT);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	gnutls_deinit(t->session);
	gnutls_free(t->desc);
	free(t->out);
	secret_wipe(t->in, sizeof(t->in));
	free(t);
}

/* Ephemeral keys only, and a certificate to hold the CERTS cell against. */
static int check_session(struct tls *t)
{
	const gnutls_datum_t *certs;
	unsigned int n = 0;

	if (gnutls_kx_get(t->session) == GNUTLS_KX_RSA)
		return TLS_E_FAILED;
	certs = gnutls_certificate_get_peers(t->session, &n);
	if (!certs || n == 0)
		return TLS_E_FAILED;
	crypto_sha256(t->digest, certs[0].data, certs[0].size);
	return 0;
}

/* What a failed GnuTLS call means for the connection. */
static int translate(struct tls *t, int rc)
{
	t->last_error = rc;
	if (t->sock_errno)
		return TLS_E_SOCKET;
	if (t->eof || rc == GNUTLS_E_PREMATURE_TERMINATION || rc == GNUTLS_E_SESSION_EOF)
		return TLS_E_CLOSED;
	return TLS_E_FAILED;
}

int tls_handshake(struct tls *t)
{
	int rc, sent;

	for (int i = 0; i < EMPTY_RECORDS_MAX; i++) {
		rc = gnutls_handshake(t->session);
		if (rc == GNUTLS_E_SUCCESS || rc == GNUTLS_E_AGAIN || gnutls_error_is_fatal(rc))
			break;
	}
	sent = tls_flush(t);	/* an alert too */
	if (rc == GNUTLS_E_AGAIN)
		return sent > 0 ? sent : -EAGAIN;
	if (rc != GNUTLS_E_SUCCESS)
		return translate(t, rc);
	if (sent > 0)
		return sent;
	return check_session(t);
}

const uint8_t *tls_peer_digest(const struct tls *t)
{
	return t->digest;
}

ssize_t tls_read(struct tls *t, void *buf, size_t cap, size_t *budget, int *ret_error)
{
	ssize_t rc = GNUTLS_E_AGAIN;

	t->budget = budget;
	for (int i = 0; i < EMPTY_RECORDS_MAX; i++) {
		rc = gnutls_record_recv(t->session, buf, cap);
		/* AGAIN also stands for "a handshake message was handled" (TLS 1.3). */
		if (rc == GNUTLS_E_AGAIN && t->in_start < t->in_end)
			continue;
		if (rc >= 0 || rc == GNUTLS_E_AGAIN || gnutls_error_is_fatal((int)rc) ||
		    rc == GNUTLS_E_REHANDSHAKE)
			break;
	}
	t->budget = NULL;
	if (rc > 0)
		return rc;
	/* Out of patience with records that carry nothing is an error: more lies here unread. */
	if (rc == GNUTLS_E_AGAIN && t->in_start == t->in_end)
		return -EAGAIN;
	*ret_error = rc == 0 ? TLS_E_CLOSED : translate(t, (int)rc);
	return 0;
}

bool tls_has_buffered(const struct tls *t)
{
	return t->in_start < t->in_end || gnutls_record_check_pending(t->session) > 0;
}

int tls_seal(struct tls *t, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	assert(len > 0 && len <= TLS_RECORD_MAX);
	/* More than one record only when the peer demands smaller ones (RFC 8449). */
	for (; len > 0; p += n, len -= (size_t)n) {
		n = gnutls_record_send(t->session, p, len);
		if (n <= 0)
			return translate(t, (int)n);
		t->n_sealed++;
	}
	if (t->n_sealed >= KEY_RECORDS_MAX &&
	    gnutls_protocol_get_version(t->session) == GNUTLS_TLS1_3) {
		t->n_sealed = 0;
		if (gnutls_session_key_update(t->session, 0) != GNUTLS_E_SUCCESS)
			return TLS_E_FAILED;
	}
	return 0;
}

size_t tls_unsent(const struct tls *t)
{
	return t->out_end - t->out_start;
}

int tls_flush(struct tls *t)
{
	ssize_t n;

	if (t->out_start == t->out_end)
		return 0;
	do {
		n = send(t->fd, t->out + t->out_start, t->out_end - t->out_start, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EAGAIN)
			return -EAGAIN;
		t->sock_errno = errno;
		return TLS_E_SOCKET;
	}
	t->out_start += (size_t)n;
	t->bytes_out += (size_t)n;
	if (t->out_start < t->out_end)
		return -EAGAIN;
	t->out_start = t->out_end = 0;
	return 0;
}

void tls_close_notify(struct tls *t)
{
	(void)gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

void tls_bytes(const struct tls *t, uint64_t *ret_in, uint64_t *ret_out)
{
	*ret_in = t->bytes_in;
	*ret_out = t->bytes_out;
}

const char *tls_error_text(const struct tls *t)
{
	if (t->sock_errno)
		return strerror(t->sock_errno);
	return t->last_error ? gnutls_strerror(t->last_error) : "end of the connection";
}

int tls_errno(const struct tls *t)
{
	return t->sock_errno;
}

const char *tls_describe(struct tls *t)
{
	if (!t->desc)
		t->desc = gnutls_session_get_desc(t->session);
	return t->desc ? t->desc : "?";
}

int tls_export(struct tls *t, const char *label, const void *context, size_t context_len,
	       void *out, size_t out_len)
{
	int rc = gnutls_prf_rfc5705(t->session, strlen(label), label, context_len, context,
				    out_len, out);

	return rc == GNUTLS_E_SUCCESS ? 0 : -EIO;
}
