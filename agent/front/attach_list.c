/* SPDX-License-Identifier: BSD-3-Clause */
/* attach_list.c - requests and streams, for onionctl */
#include "agent/front/attach_internal.h"

static const char *const state_names[] = { "waiting", "connecting", "open", "closed" };
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == ATTACH_CLOSED + 1, "attach states");
static const char *const kind_names[] = { "connect", "resolve", "directory", "service" };

static void each_in(const struct attach_list *list, void (*fn)(void *ctx, const struct attach_info *),
		    void *ctx)
{
	const struct attach *a;

	TAILQ_FOREACH(a, list, entry) {
		struct attach_info info = {
			.id = a->id,
			.state = state_names[a->state],
			.kind = kind_names[a->kind],
			.host = a->host,
			.addr = a->need.addr,
			.port = a->port,
			.domain_id = a->need.domain ? a->need.domain->id : 0,
			.circuit_id = a->circ	  ? circuit_id(pool_circ_circuit(a->circ))
				      : a->stream ? circuit_id(stream_circuit(a->stream))
						  : 0,
			.tries = a->tries,
			.age_ms = loop_now_ms(a->set->config.loop) - a->started_ms,
			.bytes_sent = a->bytes_sent,
			.bytes_received = a->bytes_received,
		};

		fn(ctx, &info);
	}
}

void attach_each(const struct attach_set *s, void (*fn)(void *ctx, const struct attach_info *),
		 void *ctx)
{
	each_in(&s->active, fn, ctx);
	each_in(&s->waiting, fn, ctx);
}

void *attach_owner(const struct attach *a)
{
	return a->owner;
}

size_t attach_count(const struct attach_set *s)
{
	return s->n;
}

void attach_totals(const struct attach_set *s, uint64_t *ret_sent, uint64_t *ret_received)
{
	*ret_sent = s->bytes_sent;
	*ret_received = s->bytes_received;
}

/* --- the domain's account --- */

void attach_count_begin(struct attach *a)
{
	if (a->kind != ATTACH_CONNECT || !a->need.domain || !a->need.domain->account)
		return;
	a->account = account_ref(a->need.domain->account);
	a->place = account_place(a->account, a->host, &a->need.addr, a->port);
}

void attach_count_connected(struct attach *a)
{
	if (a->place)
		a->place->opened++;
}

void attach_count_failed(struct attach *a, int error)
{
	if (!a->place || !error)
		return;
	a->place->failed++;
	a->place->error = error;
}

void attach_count_bytes(struct attach *a, size_t sent, size_t received)
{
	a->bytes_sent += sent;
	a->bytes_received += received;
	a->set->bytes_sent += sent;
	a->set->bytes_received += received;
	if (!a->place)
		return;
	a->place->sent += sent;
	a->place->received += received;
}
