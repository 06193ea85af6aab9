/* SPDX-License-Identifier: BSD-3-Clause */
/* linkpeer.c - see linkpeer.h */
#include "tests/support/linkpeer.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/link/cell.h"
#include "agent/link/netinfo.h"
#include "common/crypto.h"
#include "common/edcert.h"
#include "common/wire.h"

#define DAY 86400
#define SERVER_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

#define must(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

static gnutls_privkey_t make_key(unsigned int bits)
{
	gnutls_privkey_t key;

	must(gnutls_privkey_init(&key) == 0);
	must(gnutls_privkey_generate(key, GNUTLS_PK_RSA, bits, 0) == 0);
	return key;
}

/* A self-signed certificate in DER. */
static size_t make_x509(gnutls_privkey_t key, time_t from, time_t to, uint8_t *out, size_t cap)
{
	static const uint8_t serial[] = { 1, 2, 3, 4 };
	gnutls_x509_crt_t crt;
	gnutls_pubkey_t pub;

	must(gnutls_x509_crt_init(&crt) == 0 && gnutls_pubkey_init(&pub) == 0);
	must(gnutls_pubkey_import_privkey(pub, key, 0, 0) == 0);
	must(gnutls_x509_crt_set_pubkey(crt, pub) == 0);
	must(gnutls_x509_crt_set_version(crt, 3) == 0);
	must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) == 0);
	must(gnutls_x509_crt_set_activation_time(crt, from) == 0);
	must(gnutls_x509_crt_set_expiration_time(crt, to) == 0);
	must(gnutls_x509_crt_set_dn(crt, "CN=www.example.net", NULL) == 0);
	must(gnutls_x509_crt_set_issuer_dn(crt, "CN=www.example.net", NULL) == 0);
	must(gnutls_x509_crt_privkey_sign(crt, crt, key, GNUTLS_DIG_SHA256, 0) == 0);
	must(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_DER, out, &cap) == 0);
	gnutls_pubkey_deinit(pub);
	gnutls_x509_crt_deinit(crt);
	return cap;
}

/* SHA-1 of the PKCS#1 key: what lies in the BIT STRING of SubjectPublicKeyInfo. */
static void rsa_id_of(gnutls_privkey_t key, uint8_t out[20])
{
	uint8_t spki[1024];
	size_t len = sizeof(spki);
	gnutls_pubkey_t pub;

	must(gnutls_pubkey_init(&pub) == 0);
	must(gnutls_pubkey_import_privkey(pub, key, 0, 0) == 0);
	must(gnutls_pubkey_export(pub, GNUTLS_X509_FMT_DER, spki, &len) == 0);
	gnutls_pubkey_deinit(pub);
	/* 30 81 9f | 30 0d (algorithm, 13) | 03 81 8d 00 | key of 140 bytes */
	must(len == 162);
	crypto_sha1(out, spki + 22, 140);
}

void linkpeer_id_init(struct linkpeer_id *id, time_t now)
{
	uint8_t pk[32];

	memset(id, 0, sizeof(*id));
	must(crypto_init() == 0);
	id->rsa = make_key(1024);
	id->tls_key = make_key(2048);
	rsa_id_of(id->rsa, id->rsa_id);
	crypto_ed25519_keygen(id->ed_seed, id->ed_id);
	crypto_ed25519_keygen(id->signing_seed, pk);
	id->tls_der_len = make_x509(id->tls_key, now - DAY, now + DAY, id->tls_der,
				    sizeof(id->tls_der));
	crypto_sha256(id->tls_digest, id->tls_der, id->tls_der_len);
}

void linkpeer_id_deinit(struct linkpeer_id *id)
{
	gnutls_privkey_deinit(id->rsa);
	gnutls_privkey_deinit(id->tls_key);
}

struct relay_target linkpeer_target(const struct linkpeer_id *id, const struct addr_port *at)
{
	struct relay_target t = { .has_ed = true, .nickname = "peer" };

	memcpy(t.rsa_id, id->rsa_id, sizeof(t.rsa_id));
	memcpy(t.ed_id, id->ed_id, sizeof(t.ed_id));
	if (at->addr.family == ADDR_V6)
		t.or_v6 = *at;
	else
		t.or_v4 = *at;
	return t;
}

static void ed_public(const uint8_t seed[32], uint8_t pk[32])
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];

	must(crypto_sign_seed_keypair(pk, sk, seed) == 0);
}

static size_t make_ed(const uint8_t seed[32], const uint8_t *signer, uint8_t type,
		      uint8_t key_type, const uint8_t key[32], time_t expires, bool critical,
		      uint8_t *out, size_t cap)
{
	struct wire_writer w;
	uint8_t sig[64];

	wire_writer_init(&w, out, cap);
	wire_put_u8(&w, 1);
	wire_put_u8(&w, type);
	wire_put_u32(&w, (uint32_t)(expires / 3600));
	wire_put_u8(&w, key_type);
	wire_put_bytes(&w, key, 32);
	wire_put_u8(&w, (uint8_t)((signer != NULL) + critical));
	if (critical)
		wire_put_bytes(&w, "\0\2\x63\1zz", 6);
	if (signer) {
		wire_put_bytes(&w, "\0\x20\4\0", 4);
		wire_put_bytes(&w, signer, 32);
	}
	crypto_ed25519_sign(sig, out, wire_len(&w), seed);
	wire_put_bytes(&w, sig, 64);
	must(wire_writer_ok(&w));
	return wire_len(&w);
}

static size_t make_cross(gnutls_privkey_t rsa, const uint8_t ed_id[32], time_t expires,
			 uint8_t *out, size_t cap)
{
	static const char prefix[] = "Tor TLS RSA/Ed25519 cross-certificate";
	struct crypto_sha256 h;
	uint8_t digest[32];
	gnutls_datum_t d = { digest, sizeof(digest) }, sig;
	struct wire_writer w;

	wire_writer_init(&w, out, cap);
	wire_put_bytes(&w, ed_id, 32);
	wire_put_u32(&w, (uint32_t)(expires / 3600));
	crypto_sha256_init(&h);
	crypto_sha256_update(&h, prefix, strlen(prefix));
	crypto_sha256_update(&h, out, 36);
	crypto_sha256_peek(&h, digest);
	/* No DigestInfo around the digest. */
	must(gnutls_privkey_sign_hash(rsa, GNUTLS_DIG_SHA256, GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA,
				      &d, &sig) == 0);
	wire_put_u8(&w, (uint8_t)sig.size);
	wire_put_bytes(&w, sig.data, sig.size);
	gnutls_free(sig.data);
	must(wire_writer_ok(&w));
	return wire_len(&w);
}

/* The good certificate of one type, but for the flaws that lie in its contents. */
static size_t make_cert(const struct linkpeer_id *id, const struct linkpeer_flaws *f, int type,
			time_t now, uint8_t *out, size_t cap)
{
	/* The RSA certificate has two days of grace. */
	time_t end = f->expired == type ? (type == 2 ? now - 3 * DAY : now - 3601) : now + DAY;
	uint8_t signing_pk[32], other[32];
	uint8_t t = (uint8_t)type;

	ed_public(id->signing_seed, signing_pk);
	memset(other, 7, sizeof(other));
	if (f->swapped_types && (type == 4 || type == 5))
		t = (uint8_t)(9 - type);
	switch (type) {
	case 2: {
		time_t from = f->future == 2 ? now + 40 * DAY : now - 30 * DAY;
		gnutls_privkey_t key = f->rsa_2048 ? id->tls_key : id->rsa;

		return make_x509(key, from, f->future == 2 ? now + 80 * DAY : end, out, cap);
	}
	case 4:
		return make_ed(id->ed_seed, f->unnamed_signer ? NULL : id->ed_id, t, 1, signing_pk,
			       end, f->critical_ext, out, cap);
	case 5:
		return make_ed(f->foreign_signing ? other : id->signing_seed, NULL, t,
			       f->link_key_type_1 ? 1 : 3, f->foreign_tls ? other : id->tls_digest,
			       end, false, out, cap);
	case 7:
		return make_cross(id->rsa, f->foreign_cross ? other : id->ed_id, end, out, cap);
	default:
		memset(out, 0xaa, 40);
		return 40;
	}
}

static void put_cert(struct wire_writer *w, const struct linkpeer_id *id,
		     const struct linkpeer_flaws *f, int type, time_t now)
{
	uint8_t cert[4096];
	size_t len = make_cert(id, f, type, now, cert, sizeof(cert));

	if (f->corrupt == type)
		cert[len - 1] ^= 1;
	if (f->cut == type)
		len--;
	wire_put_u8(w, (uint8_t)type);
	wire_put_u16(w, (uint16_t)len);
	wire_put_bytes(w, cert, len);
}

size_t linkpeer_certs(const struct linkpeer_id *id, const struct linkpeer_flaws *flaws, time_t now,
		      uint8_t out[LINKPEER_CERTS_MAX])
{
	static const int types[] = { 2, 4, 5, 7 };
	static const struct linkpeer_flaws none;
	const struct linkpeer_flaws *f = flaws ? flaws : &none;
	struct wire_writer w;
	uint8_t n = 0;

	wire_writer_init(&w, out, LINKPEER_CERTS_MAX);
	wire_put_u8(&w, 0);
	for (int i = 0; i < 4; i++) {
		int type = types[f->reversed ? 3 - i : i];

		for (int k = f->omit == type ? 0 : f->twice == type ? 2 : 1; k > 0; k--, n++)
			put_cert(&w, id, f, type, now);
	}
	if (f->extra_type) {
		put_cert(&w, id, f, f->extra_type, now);
		n++;
	}
	if (f->trailing)
		wire_put_bytes(&w, "trailing", 8);
	must(wire_writer_ok(&w));
	out[0] = n;
	return wire_len(&w);
}

/* --- the server --- */

static void serve_one(const struct linkpeer_id *id, int fd, gnutls_certificate_credentials_t cred,
		      const char *priority, linkpeer_script script, void *ctx)
{
	struct linkpeer p = { .id = id, .fd = fd };
	int rc;

	must(gnutls_init(&p.session, GNUTLS_SERVER | GNUTLS_NO_TICKETS) == 0);
	must(gnutls_priority_set_direct(p.session, priority, NULL) == 0);
	must(gnutls_credentials_set(p.session, GNUTLS_CRD_CERTIFICATE, cred) == 0);
	gnutls_certificate_server_set_request(p.session, GNUTLS_CERT_IGNORE);
	gnutls_transport_set_int(p.session, fd);
	do {
		rc = gnutls_handshake(p.session);
	} while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc == 0)
		script(&p, ctx);
	gnutls_deinit(p.session);
	close(fd);
}

static void serve(int listener, const struct linkpeer_id *id, const char *priority,
		  linkpeer_script script, void *ctx)
{
	gnutls_certificate_credentials_t cred;
	gnutls_x509_crt_t crt;
	gnutls_pcert_st *pcert = gnutls_calloc(1, sizeof(*pcert));
	gnutls_datum_t der = { NULL, (unsigned int)id->tls_der_len };

	must(gnutls_certificate_allocate_credentials(&cred) == 0);
	must(gnutls_x509_crt_init(&crt) == 0);
	memcpy(&der.data, &(const uint8_t *){ id->tls_der }, sizeof(der.data));
	must(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) == 0);
	must(gnutls_pcert_import_x509(pcert, crt, 0) == 0);
	must(gnutls_certificate_set_key(cred, NULL, 0, pcert, 1, id->tls_key) == 0);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			serve_one(id, fd, cred, priority, script, ctx);
			_exit(0);
		}
		if (fd >= 0)
			close(fd);
	}
}

void linkpeer_start(struct linkpeer_server *s, const char *host, const struct linkpeer_id *id,
		    const char *priority, linkpeer_script script, void *ctx)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	memset(&s->at, 0, sizeof(s->at));
	must(addr_parse(host, strlen(host), &s->at.addr) == 0);
	len = addr_to_sockaddr(&s->at, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) == 0 && listen(fd, 16) == 0);
	must(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
	must(addr_from_sockaddr((struct sockaddr *)&ss, len, &s->at) == 0);
	s->pid = fork();
	must(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		serve(fd, id, priority ? priority : SERVER_PRIORITY, script, ctx);
		_exit(0);
	}
	close(fd);
}

void linkpeer_stop(struct linkpeer_server *s)
{
	kill(s->pid, SIGCONT);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

void linkpeer_send(struct linkpeer *p, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = gnutls_record_send(p->session, at, len);

		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void linkpeer_send_cell(struct linkpeer *p, uint32_t circ_id, uint8_t command, const void *body,
			size_t len)
{
	uint8_t out[CELL_VAR_HEADER_LEN + CELL_VAR_BODY_MAX];

	if (cell_is_variable(command)) {
		ssize_t n = cell_encode_var(out, sizeof(out), 4, circ_id, command, body, len);

		linkpeer_send(p, out, (size_t)n);
	} else {
		cell_encode(out, circ_id, command, body, len);
		linkpeer_send(p, out, CELL_LEN);
	}
}

void linkpeer_send_versions(struct linkpeer *p)
{
	static const uint8_t cell[] = { 0, 0, 7, 0, 6, 0, 3, 0, 4, 0, 5 };

	linkpeer_send(p, cell, sizeof(cell));
}

void linkpeer_send_certs(struct linkpeer *p, const struct linkpeer_flaws *flaws)
{
	uint8_t body[LINKPEER_CERTS_MAX];
	size_t len = linkpeer_certs(p->id, flaws, time(NULL), body);

	linkpeer_send_cell(p, 0, CELL_CERTS, body, len);
}

void linkpeer_send_netinfo(struct linkpeer *p, uint32_t timestamp)
{
	struct netinfo m = { .timestamp = timestamp, .other = addr_v4(0x7f000001) };
	uint8_t body[CELL_BODY_LEN];

	m.own[m.n_own++] = addr_v4(0x7f000001);
	netinfo_encode(body, &m);
	linkpeer_send_cell(p, 0, CELL_NETINFO, body, sizeof(body));
}

bool linkpeer_recv(struct linkpeer *p, void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t n = gnutls_record_recv(p->session, at, len);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool linkpeer_handshake(struct linkpeer *p)
{
	static const uint8_t want_versions[LINKPEER_VERSIONS_LEN] = { 0, 0, 7, 0, 6, 0, 3, 0, 4, 0, 5 };
	static const uint8_t challenge[36] = { [33] = 1, [35] = 3 };
	uint8_t versions[LINKPEER_VERSIONS_LEN], netinfo[CELL_LEN];

	if (!linkpeer_recv(p, versions, sizeof(versions)))
		return false;
	must(memcmp(versions, want_versions, sizeof(versions)) == 0);
	linkpeer_send_versions(p);
	linkpeer_send_certs(p, NULL);
	linkpeer_send_cell(p, 0, CELL_AUTH_CHALLENGE, challenge, sizeof(challenge));
	linkpeer_send_netinfo(p, (uint32_t)time(NULL));
	if (!linkpeer_recv(p, netinfo, sizeof(netinfo)))
		return false;
	must(netinfo[4] == CELL_NETINFO && wire_u32_at(netinfo + 5) == 0);
	return true;
}
