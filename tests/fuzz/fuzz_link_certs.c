/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_link_certs.c - the body of a CERTS cell; corpus: cells of real relays */
#include <stdlib.h>
#include <string.h>

#include "agent/link/certs.h"
#include "agent/link/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* The key of the type 5 certificate, so that the checks after it are reached. */
	static const uint8_t any[SHA256_LEN];
	uint8_t tls[SHA256_LEN] = { 0 };
	struct certs_expect e = { .tls_digest = tls, .now = 1601000000 };
	struct x509_identity id;
	struct certs_ids ids;

	for (size_t i = 0; i + 3 + 40 < len; i++) {
		if (data[i] == CERTS_ED_LINK && data[i + 1] == 0 && data[i + 2] == 0x68)
			memcpy(tls, data + i + 3 + 7, sizeof(tls));
	}
	(void)certs_check_responder(data, len, &e, &ids);
	e.rsa_id = any;
	e.ed_id = any;
	if (certs_check_responder(data, len, &e, &ids) == CERTS_OK)
		abort();
	(void)x509_identity_parse(data, len, &id);
	return 0;
}
