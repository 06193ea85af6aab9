/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control_account.c - what an invocation's streams connected to, for onionify --report
 *
 * The supervisor has no JSON: the answer is text, a line for each destination.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/account.h"
#include "agent/front/control.h"

#define LINE_LEN_MAX 512

static struct domain *domain_of(struct front *f, struct session *s, const char *token)
{
	return front_domain(f, s, (struct ipc_str){ token, strlen(token) });
}

static void supervisor_gone(void *user)
{
	domain_unref(user);
}

/* The connection stays, and with it the domain: nothing else may hold it yet. */
void control_account_begin(struct front *f, struct session *s, char **args)
{
	struct domain *domain = domain_of(f, s, args[0]);
	struct account *account = domain ? account_new() : NULL;
	uint8_t frame[IPC_HEADER_LEN + 1];

	if (account)
		domain_set_account(domain, account);
	account_unref(account);
	if (!account) {
		domain_unref(domain);
		control_end(s, 1, "out of memory");
		return;
	}
	(void)ipc_data_encode(frame, sizeof(frame), (struct ipc_str){ "0", 1 });
	session_set_patient(s);
	session_on_gone(s, supervisor_gone, domain);
	session_reply(s, frame, sizeof(frame));
}

/* "opened failed errno sent received port place"; the place of all others is "*". */
static void send_place(void *ctx, const struct account_place *p)
{
	uint8_t frame[IPC_HEADER_LEN + LINE_LEN_MAX];
	char line[LINE_LEN_MAX];
	char buf[ADDR_STR_MAX];
	const char *place = p->host[0] ? p->host
			    : p->addr.family != ADDR_NONE ? addr_format(&p->addr, buf)
							  : "*";
	int n = snprintf(line, sizeof(line), "%u %u %d %" PRIu64 " %" PRIu64 " %u %s\n", p->opened,
			 p->failed, p->error, p->sent, p->received, p->port, place);
	ssize_t len = ipc_data_encode(frame, sizeof(frame), (struct ipc_str){ line, (size_t)n });

	if (len > 0)
		session_reply(ctx, frame, (size_t)len);
}

void control_account(struct front *f, struct session *s, char **args)
{
	struct domain *domain = domain_of(f, s, args[0]);

	if (domain && domain->account) {
		account_each(domain->account, send_place, s);
		control_end(s, 0, "");
	} else {
		control_end(s, 1, "no account is kept of it");
	}
	domain_unref(domain);
}
