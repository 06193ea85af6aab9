/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_onion_client_net.c - a client, a directory, two points and a service, all in memory
 *
 * The real client on real circuits: what it sends is read as directories, introduction
 * points and services read it, and what they answer is what they would.
 */
#include <errno.h>

#include "agent/onion/client_net.h"
#include "agent/onion/hsdir_ring.h"
#include "agent/onion/intro_msg.h"
#include "agent/onion/rend_msg.h"
#include "common/codec.h"
#include "tests/support/hsworld.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"
#include "tests/unit/circ_net.h"

#define LAST 2	/* the last relay of every circuit */
#define CIRCS 16

/* A circuit that the launcher gave. */
struct given {
	struct onion_circ oc;
	bool closed;
};

static struct net *nets[3];	/* of directories, introduction, rendezvous */
static struct given given[CIRCS];
static size_t n_given;
static unsigned int n_kind[3];
static struct client_net *cn;
static struct hsworld world;
static char *desc;
static size_t desc_len;
static char request[2048];
static size_t request_len;
static uint8_t cookie[HS_COOKIE_LEN];
static struct introduce_inner inner;
static uint8_t client_pk[32];
static unsigned int n_introduced;
static int64_t dirtiness_ms = 600000;
static unsigned int n_changed;
static int launch_result;

/* What the far side does. */
static struct {
	int status;		/* of the directory */
	uint16_t ack;
	bool impostor;		/* somebody else answers at the rendezvous first */
	bool no_show;
} far_side;

/* --- the far sides --- */

static void say_text(struct net *net, uint16_t id, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = len < 400 ? len : 400;

		net_say(net, LAST, RELAY_DATA, id, text, n);
		text += n;
		len -= n;
	}
}

static bool as_directory(struct net *net, unsigned int i, const struct relay_msg *m,
			 const uint8_t *tag)
{
	static const uint8_t done = END_DONE;
	char head[64];

	(void)tag;
	if (m->command != RELAY_DATA || i != LAST)
		return false;
	ck_assert_uint_lt(request_len + m->len, sizeof(request));
	memcpy(request + request_len, m->data, m->len);
	request_len += m->len;
	request[request_len] = '\0';
	if (!strstr(request, "\r\n\r\n"))
		return false;
	snprintf(head, sizeof(head), "HTTP/1.0 %d X\r\n\r\n", far_side.status);
	say_text(net, m->stream_id, head, strlen(head));
	if (far_side.status == 200)
		say_text(net, m->stream_id, desc, desc_len);
	net_say(net, LAST, RELAY_END, m->stream_id, &done, 1);
	return false;
}

static void rendezvous2(const uint8_t reply[HS_NTOR_REPLY_LEN])
{
	uint8_t body[148] = { 0 };

	memcpy(body, reply, HS_NTOR_REPLY_LEN);
	net_say(nets[2], LAST, RELAY_RENDEZVOUS2, 0, body, sizeof(body));
}

/* The service reads what came by way of point @k, and comes. */
static void as_service(size_t k, const uint8_t *body, size_t len)
{
	const struct hs_intro_offer *o = &world.intro[k];
	struct hs_intro_keys keys;
	uint8_t reply[HS_NTOR_REPLY_LEN];
	uint8_t far_keys[HS_NTOR_KEYS_LEN];

	memcpy(keys.auth_key, o->auth_key, 32);
	crypto_x25519_public(keys.enc_key, o->enc_sk);
	memcpy(keys.subcred, world.keys.subcredential, 32);
	ck_assert_int_eq(introduce2_decode(body, len, &keys, o->enc_sk, &inner, client_pk), 0);
	ck_assert_mem_eq(inner.cookie, cookie, HS_COOKIE_LEN);
	ck_assert_mem_eq(inner.rendezvous.rsa_id, nets[2]->relays[LAST].target.rsa_id, RSA_ID_LEN);
	n_introduced++;
	if (far_side.no_show)
		return;
	if (far_side.impostor) {
		memset(reply, 7, sizeof(reply));
		rendezvous2(reply);
	}
	ck_assert_int_eq(hs_ntor_service_reply(&keys, o->enc_sk, client_pk, reply, far_keys), 0);
	rendezvous2(reply);
}

/* Clients pad these circuits as C tor's do. */
static bool is_padding(const struct relay_msg *m)
{
	return m->command == RELAY_PADDING_NEGOTIATE || m->command == RELAY_DROP;
}

static bool as_introduction_point(struct net *net, unsigned int i, const struct relay_msg *m,
				  const uint8_t *tag)
{
	struct introduce_outer outer;
	uint8_t ack[RELAY_DATA_MAX];
	int len;

	(void)tag;
	if (m->command != RELAY_INTRODUCE1)
		return is_padding(m);
	ck_assert_uint_eq(i, LAST);
	ck_assert_int_eq(introduce_outer_decode(m->data, m->len, &outer), 0);
	len = introduce_ack_encode(far_side.ack, ack);
	net_say(net, LAST, RELAY_INTRODUCE_ACK, 0, ack, (size_t)len);
	for (size_t k = 0; k < world.plan.n_intro && far_side.ack == 0; k++) {
		if (memcmp(world.intro[k].auth_key, outer.auth_key, 32) == 0)
			as_service(k, m->data, m->len);
	}
	return true;
}

static bool as_rendezvous_point(struct net *net, unsigned int i, const struct relay_msg *m,
				const uint8_t *tag)
{
	(void)tag;
	if (m->command != RELAY_ESTABLISH_RENDEZVOUS)
		return is_padding(m);
	ck_assert_uint_eq(i, LAST);
	ck_assert_int_eq(establish_rendezvous_decode(m->data, m->len, cookie), 0);
	net_say(net, LAST, RELAY_RENDEZVOUS_ESTABLISHED, 0, NULL, 0);
	return true;
}

/* --- the pool --- */

static void circ_opened(struct circuit *c)
{
	struct given *g = circuit_owner(c);
	static const enum circuit_role roles[] = { CIRCUIT_HSDIR, CIRCUIT_CLIENT_INTRO,
						   CIRCUIT_CLIENT_REND };

	g->oc.target = *circuit_hop(c, LAST);
	ck_assert_int_eq(circuit_set_role(c, roles[g->oc.purpose]), 0);
	g->oc.ops->opened(&g->oc);
}

static void circ_closed(struct circuit *c, const struct circuit_failure *why)
{
	struct given *g = circuit_owner(c);

	g->closed = true;
	g->oc.ops->closed(&g->oc, why);
}

static void circ_onion(struct circuit *c, uint8_t command, const uint8_t *body, size_t len)
{
	struct given *g = circuit_owner(c);

	g->oc.ops->message(&g->oc, command, body, len);
}

static const struct circuit_ops circ_ops = { .opened = circ_opened, .closed = circ_closed,
					     .onion = circ_onion };

static int do_launch(void *ctx, const struct onion_circ_request *req, struct onion_circ **ret)
{
	struct given *g = &given[n_given];
	struct net *net = nets[req->purpose];
	struct relay_target hops[LAST + 1];

	(void)ctx;
	if (launch_result < 0)
		return launch_result;
	ck_assert_uint_lt(n_given, CIRCS);
	ck_assert_uint_eq(req->domain_id, 5);
	ck_assert((req->target == NULL) == (req->purpose == ONION_CLIENT_REND));
	/* A chain in memory carries one circuit in its life. */
	if (n_kind[req->purpose]++ > 0)
		return -EAGAIN;
	n_given++;
	for (size_t i = 0; i <= LAST; i++)
		hops[i] = net->relays[i].target;
	*g = (struct given){ .oc = { .purpose = req->purpose, .ops = req->ops, .owner = req->owner,
				     .domain_id = req->domain_id } };
	g->oc.circuit = circuit_new(&nets[0]->env, &circ_ops, g);
	ck_assert_int_eq(circuit_build(g->oc.circuit, hops, LAST + 1, 60000), 0);
	*ret = &g->oc;
	return 0;
}

static int64_t do_build_timeout_ms(void *ctx)
{
	(void)ctx;
	return 60000;
}

static void do_close(void *ctx, struct onion_circ *oc)
{
	struct given *g = (struct given *)oc;

	(void)ctx;
	ck_assert(!g->closed);
	g->closed = true;
	circuit_close(oc->circuit, DESTROY_NONE);
}

static void on_changed(void *ctx)
{
	(void)ctx;
	n_changed++;
}

/* --- set-up --- */

/* A consensus of now, so that the descriptor's certificates hold. */
static struct netdir *make_netdir(void)
{
	struct pathnet_relay *relays = pathnet_generate(40, 3);
	struct netdir *nd;

	for (size_t i = 0; i < 40; i++)
		relays[i].flags |= RELAY_HSDIR;
	nd = pathnet_build(relays, 40, NULL, NULL, time(NULL) / 3600 * 3600);
	free(relays);
	return nd;
}

static void make_desc(const struct netdir *nd)
{
	struct hs_params params;
	struct hs_period period;

	hs_params_read(&params, nd, false);
	hs_period_for(&period, &params, HS_FETCH);
	ck_assert_int_eq(hs_keys_derive(&world.keys, world.keys.id, period.tp), 0);
	hs_keys_blind_secret(&world.blinded_sk, &world.keys, &world.id_sk);
	world.plan.now = (int64_t)time(NULL);
	world.plan.terms.has_cc = true;
	world.plan.terms.sendme_inc = 31;
	ck_assert_int_eq(hs_desc_build(&world.plan, &desc, &desc_len), 0);
}

static void set_up(void)
{
	struct client_net_config config = {
		.launcher = { .launch = do_launch, .close = do_close,
			      .build_timeout_ms = do_build_timeout_ms },
		.max_dirtiness_ms = &dirtiness_ms,
		.changed = on_changed,
	};
	struct netdir *nd = make_netdir();

	nets[0] = net_new(1, true, false);
	nets[1] = net_new_beside(nets[0], 2, true, false, NET_RELAYS - 1);
	nets[2] = net_new_beside(nets[0], 3, true, false, NET_RELAYS - 1);
	for (size_t i = 0; i < NET_RELAYS - 1; i++) {
		nets[2]->relays[i].keys.rsa_id[1] = nets[2]->relays[i].target.rsa_id[1] = 0x77;
		nets[2]->relays[i].keys.ed_id[1] = nets[2]->relays[i].target.ed_id[1] = 0x77;
	}
	nets[0]->hook = as_directory;
	nets[1]->hook = as_introduction_point;
	nets[2]->hook = as_rendezvous_point;
	config.loop = nets[0]->loop;
	hsworld_init(&world, 3);
	make_desc(nd);
	cn = client_net_new(&config);
	ck_assert_ptr_nonnull(cn);
	client_net_set_netdir(cn, nd);
	netdir_unref(nd);
	far_side.status = 200;
}

static void tear_down(void)
{
	client_net_free(cn);
	net_settle(nets[0]);
	for (size_t i = 0; i < n_given; i++)
		ck_assert(given[i].closed);
	net_free(nets[0]);
	free(desc);
}

static int take(void **ret)
{
	void *handle = NULL;
	int r = onion_client_take(client_net_client(cn), 5, world.keys.id,
				  loop_now_ms(nets[0]->loop), &handle);

	if (ret)
		*ret = handle;
	return r;
}

static int take_settled(void **ret)
{
	int r = take(ret);

	ck_assert(r == -EAGAIN || r > 0);
	net_settle(nets[0]);
	return take(ret);
}

/* --- tests --- */

START_TEST(the_whole_way_to_a_service)
{
	char text[HS_BLINDED_TEXT_LEN + 1];
	char line[100];
	void *handle;

	ck_assert_int_eq(take_settled(&handle), 0);
	ck_assert(circuit_has_far(client_net_circuit(handle)));
	ck_assert_uint_eq(n_introduced, 1);
	ck_assert(inner.cc && !inner.has_pow);
	hs_keys_blinded_text(text, &world.keys);
	snprintf(line, sizeof(line), "GET /tor/hs/3/%s HTTP/1.0\r\nHost: ", text);
	ck_assert_mem_eq(request, line, strlen(line));
	/* What is not needed any more is closed. */
	for (size_t i = 0; i < n_given; i++)
		ck_assert(given[i].closed == (given[i].oc.purpose != ONION_CLIENT_REND));
	ck_assert_uint_gt(n_changed, 0);
}
END_TEST

START_TEST(an_authorised_service_wants_a_key)
{
	char dir[] = "/tmp/onionify-net-XXXXXX";
	char command[64];
	char err[200];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	free(desc);
	world.plan.n_clients = 2;
	ck_assert_int_eq(hs_desc_build(&world.plan, &desc, &desc_len), 0);
	ck_assert_int_eq(client_auth_load(client_net_auth(cn), dir, true, err, sizeof(err)), 0);
	if (_i == 1)
		ck_assert_int_eq(client_auth_add(client_net_auth(cn), world.keys.id, world.client_sk[7],
						 err, sizeof(err)), 0);
	if (_i == 2)
		ck_assert_int_eq(client_auth_add(client_net_auth(cn), world.keys.id, world.client_sk[1],
						 err, sizeof(err)), 0);
	ck_assert_int_eq(take_settled(NULL), _i == 0   ? ONION_E_AUTH_MISSING
					     : _i == 1 ? ONION_E_AUTH_WRONG
						       : 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(what_is_no_descriptor_is_passed_over)
{
	if (_i == 0)
		far_side.status = 404;
	else
		desc[desc_len / 2] ^= 1;
	/* The next directory has no chain here: the machine waits for it. */
	ck_assert_int_eq(take_settled(NULL), -EAGAIN);
	ck_assert(given[0].closed);
	ck_assert_uint_eq(n_kind[ONION_CLIENT_HSDIR], 2);
}
END_TEST

START_TEST(a_refusal_leaves_the_rendezvous)
{
	far_side.ack = INTRODUCE_E_UNKNOWN_ID;
	ck_assert_int_eq(take_settled(NULL), -EAGAIN);
	for (size_t i = 0; i < n_given; i++)
		ck_assert(given[i].closed == (given[i].oc.purpose != ONION_CLIENT_REND));
	ck_assert_uint_ge(n_kind[ONION_CLIENT_INTRO], 2);
}
END_TEST

START_TEST(only_the_service_can_come)
{
	uint8_t junk[HS_NTOR_REPLY_LEN] = { 1, 2, 3 };
	void *handle;

	/* Somebody else before it, or instead: the point cannot be trusted. */
	far_side.no_show = _i == 0;
	far_side.impostor = _i == 1;
	ck_assert_int_eq(take_settled(&handle), -EAGAIN);
	ck_assert_uint_eq(n_introduced, 1);
	if (_i == 0) {
		rendezvous2(junk);
		net_settle(nets[0]);
		ck_assert_int_eq(take(&handle), -EAGAIN);
	}
	for (size_t i = 0; i < n_given; i++)
		ck_assert(given[i].closed);
	ck_assert_uint_ge(n_kind[ONION_CLIENT_REND], 2);
}
END_TEST

START_TEST(without_a_consensus_or_a_path_nothing_begins)
{
	if (_i == 0)
		client_net_set_netdir(cn, NULL);
	else
		launch_result = -EAGAIN;
	ck_assert_int_eq(take_settled(NULL), -EAGAIN);
	ck_assert_uint_eq(n_given, 0);
	ck_assert_uint_eq(request_len, 0);
}
END_TEST

START_TEST(a_key_that_is_none_is_told)
{
	uint8_t id[ONION_ID_LEN];
	void *handle;

	memset(id, 0, sizeof(id));
	ck_assert_int_eq(onion_client_take(client_net_client(cn), 5, id, 0, &handle),
			 ONION_E_BAD_ADDRESS);
}
END_TEST

static void end_at_once(void *ctx, const struct onion_client_info *info)
{
	ck_assert(info->handle || ctx);
}

START_TEST(a_new_identity_closes_an_unused_circuit_at_once)
{
	void *handle;

	ck_assert_int_eq(take_settled(&handle), 0);
	onion_client_each(client_net_client(cn), end_at_once, NULL);
	onion_client_new_identity(client_net_client(cn));
	for (size_t i = 0; i < n_given; i++)
		ck_assert(given[i].closed);
	ck_assert_uint_eq(onion_client_count(client_net_client(cn)), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("onion_client_net");
	TCase *t = tcase_create("client_net");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_whole_way_to_a_service);
	tcase_add_loop_test(t, an_authorised_service_wants_a_key, 0, 3);
	tcase_add_loop_test(t, what_is_no_descriptor_is_passed_over, 0, 2);
	tcase_add_test(t, a_refusal_leaves_the_rendezvous);
	tcase_add_loop_test(t, only_the_service_can_come, 0, 2);
	tcase_add_loop_test(t, without_a_consensus_or_a_path_nothing_begins, 0, 2);
	tcase_add_test(t, a_key_that_is_none_is_told);
	tcase_add_test(t, a_new_identity_closes_an_unused_circuit_at_once);
	suite_add_tcase(s, t);
	return suite_run(s);
}
