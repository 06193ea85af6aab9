/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_dns_query.c - any bytes as a DNS question, and its text as a reverse name
 *
 * Every message that may be answered has an answer of the size that was asked for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dns_answer answers[3] = {
		{ .type = DNS_A, .addr = addr_v4(0xc0000201), .ttl = 60 },
		{ .type = DNS_AAAA, .addr = { .family = ADDR_V6 }, .ttl = 60 },
		{ .type = DNS_PTR, .name = "www.example.test", .ttl = 60 },
	};
	uint8_t reply[DNS_REPLY_MAX];
	struct dns_query q;
	struct addr a;
	int rcode = dns_query_parse(data, len, &q);
	ssize_t n;

	if (rcode < 0)
		return 0;
	if (strlen(q.name) > DNS_NAME_MAX)
		abort();
	(void)dns_reverse_parse(q.name, &a);
	n = dns_reply_encode(&q, rcode, answers, 3, reply, dns_udp_max(&q));
	if (n < 12 || (size_t)n > dns_udp_max(&q) || (reply[2] & 0x80) == 0)
		abort();
	/* Our own reply is no question. */
	if (dns_query_parse(reply, (size_t)n, &q) >= 0)
		abort();
	return 0;
}
