/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dir_client.c - the whole directory client against directories in this process
 *
 * Each connection that the client asks for is a socket pair whose other end
 * answers from a testdir network, or misbehaves as the test wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/codec.h"
#include "common/crypto.h"
#include "common/log.h"
#include "dirclient/dirclient.h"
#include "dirclient/dirclient_internal.h"
#include "tests/support/suite.h"
#include "tests/support/testdir.h"

#define N_AUTH 3
#define N_RELAYS 300

enum manner {
	ANSWER,
	HANG,		/* says nothing, for ever */
	SLAM,		/* closes at once */
	GARBAGE,
	NOT_FOUND,
	STRANGER,	/* a consensus that nobody whom we trust has signed */
	FORGED_KEYS,	/* signed, it claims, with keys whose certificates nobody has */
	CUT,		/* stops in the middle of the body */
	TRICKLE,	/* answers in pieces of 100 bytes */
	FORGETFUL,	/* serves only half of the microdescriptors */
	JUNK,		/* NULs and noise behind the certificates */
};

struct world;
struct server {
	struct world *w;
	struct ev_io io;
	int fd;
	enum manner manner;
	char in[16384];
	size_t n_in;
	char *out;
	size_t len, sent;
	LIST_ENTRY(server) link;
};

struct world {
	struct testdir *td;
	struct testdir *strangers;
	struct ev_loop *ev;
	struct loop loop;
	struct dirclient *dc;
	struct dir_fallback fallbacks[4];
	char dir[64];
	bool no_guard;		/* open() of any guard is -EAGAIN */
	enum manner manner_given;
	enum manner manner_any;
	unsigned int bad_first;	/* this many connections hang before the manner applies */
	unsigned int opened, given, any, results, bad, netdirs;
	struct dir_progress last;
	char problem[200];
	char *consensus;
	size_t consensus_len;
	char requests[64][400];
	unsigned int n_requests;
	LIST_HEAD(, server) servers;
	bool testing;
	bool done;
};

static struct testdir *the_net, *the_strangers;

static void server_free(struct server *s)
{
	LIST_REMOVE(s, link);
	ev_io_stop(s->w->ev, &s->io);
	close(s->fd);
	free(s->out);
	free(s);
}

static char *stranger_answer(struct server *s, bool known_ids, size_t *ret_len)
{
	struct testdir_doc doc = {.valid_after = time(NULL) - 60};
	size_t len;
	char *c = testdir_consensus(known_ids ? s->w->td : s->w->strangers, &doc, &len);
	char *out;

	if (known_ids) {
		/* Another signing key's digest in each signature line. */
		for (char *p = c; (p = strstr(p, "directory-signature sha256 "));) {
			p += strlen("directory-signature sha256 ") + 41;
			memset(p, 'A', 8);
		}
	}
	*ret_len = (size_t)asprintf(&out, "HTTP/1.0 200 OK\r\n\r\n%s", c);
	free(c);
	return out;
}

static void make_answer(struct server *s)
{
	struct world *w = s->w;
	bool is_consensus = strstr(s->in, "/consensus-microdesc") != NULL;
	bool is_micro = strstr(s->in, "/micro/") != NULL;

	if (s->manner == GARBAGE) {
		s->out = strdup("HTTP/1.0 200 OK\r\n\r\nall your base");
		s->len = strlen(s->out);
	} else if (s->manner == NOT_FOUND) {
		s->out = strdup("HTTP/1.0 404 Not found\r\n\r\n");
		s->len = strlen(s->out);
	} else if (s->manner == STRANGER && is_consensus) {
		s->out = stranger_answer(s, false, &s->len);
	} else if (s->manner == FORGED_KEYS && is_consensus) {
		s->out = stranger_answer(s, true, &s->len);
	} else {
		if (s->manner == FORGETFUL && is_micro) {
			char *mid = s->in + strlen("GET /tor/micro/d/") + 44 * 20;

			if (mid < s->in + s->n_in && strchr(s->in, '\r') > mid)
				memcpy(mid, "AAA", 3);
		}
		s->out = testdir_answer(w->td, s->in, w->consensus, w->consensus_len, time(NULL),
					&s->len);
	}
	if (s->manner == CUT)
		s->len -= s->len / 3;
	if (s->manner == JUNK && strncmp(s->in, "GET /tor/keys/", 14) == 0) {
		s->out = realloc(s->out, s->len + 4096);
		memset(s->out + s->len, 0, 4096);
		s->len += 4096;
	}
}

static void on_server(struct ev_loop *ev, struct ev_io *io, int revents)
{
	struct server *s = io->data;
	ssize_t n;

	(void)ev;
	(void)revents;
	if (!s->out) {
		n = read(s->fd, s->in + s->n_in, sizeof(s->in) - 1 - s->n_in);
		if (n <= 0) {
			server_free(s);
			return;
		}
		s->n_in += (size_t)n;
		s->in[s->n_in] = '\0';
		if (s->manner == HANG || !strstr(s->in, "\r\n\r\n"))
			return;
		if (s->w->n_requests < 64)
			snprintf(s->w->requests[s->w->n_requests++], 400, "%.399s", s->in);
		make_answer(s);
		ev_io_stop(s->w->ev, &s->io);
		ev_io_set(&s->io, s->fd, EV_WRITE);
		ev_io_start(s->w->ev, &s->io);
		return;
	}
	n = send(s->fd, s->out + s->sent,
		 s->manner == TRICKLE && s->len - s->sent > 100 ? 100 : s->len - s->sent,
		 MSG_NOSIGNAL);
	if (n > 0)
		s->sent += (size_t)n;
	if ((n < 0 && errno != EAGAIN) || s->sent == s->len)
		server_free(s);
}

static int fake_open(void *agent, const struct dir_source *source, struct dir_connection *ret)
{
	struct world *w = agent;
	struct server *s;
	int sv[2];

	if (source->kind == DIR_SOURCE_ANY && w->no_guard)
		return -EAGAIN;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
	w->opened++;
	if (source->kind == DIR_SOURCE_GIVEN) {
		w->given++;
		ck_assert_ptr_nonnull(source->relay);
	} else {
		w->any++;
	}
	s = calloc(1, sizeof(*s));
	s->w = w;
	LIST_INSERT_HEAD(&w->servers, s, link);
	s->fd = sv[1];
	s->manner = source->kind == DIR_SOURCE_GIVEN ? w->manner_given : w->manner_any;
	if (w->opened <= w->bad_first)
		s->manner = HANG;
	ev_io_init(&s->io, on_server, s->fd, EV_READ);
	s->io.data = s;
	ret->fd = sv[0];
	ret->cookie = w->opened;
	if (s->manner == SLAM)
		server_free(s);
	else
		ev_io_start(w->ev, &s->io);
	return 0;
}

static void fake_result(void *agent, uint64_t cookie, bool good)
{
	struct world *w = agent;

	ck_assert_uint_ge(cookie, 1);
	w->results++;
	w->bad += !good;
}

static void fake_progress(void *agent, const struct dir_progress *p)
{
	struct world *w = agent;

	w->last = *p;
	snprintf(w->problem, sizeof(w->problem), "%s", p->problem ? p->problem : "");
	if (p->phase == DIR_PHASE_READY && p->done == p->total)
		w->done = true;
	if (w->done)
		ev_break(w->ev, EVBREAK_ALL);
}

static void fake_netdir(void *agent, const struct netdir *nd)
{
	struct world *w = agent;

	ck_assert_ptr_nonnull(nd);
	w->netdirs++;
}

static const struct dir_ops ops = {fake_open, fake_result, fake_progress, fake_netdir};

static void set_consensus(struct world *w, const struct testdir_doc *doc)
{
	free(w->consensus);
	w->consensus = testdir_consensus(w->td, doc, &w->consensus_len);
}

static void client_start(struct world *w, unsigned int n_fallbacks)
{
	struct dir_config config = {
		.authorities = testdir_authorities(w->td),
		.n_authorities = N_AUTH,
		.fallbacks = w->fallbacks,
		.n_fallbacks = n_fallbacks,
		.cache_dir = w->dir[0] ? w->dir : NULL,
		.testing = w->testing,
	};

	w->dc = dirclient_new(&w->loop, &config, &ops, w);
	ck_assert_ptr_nonnull(w->dc);
	dirclient_start(w->dc);
}

static void world_init(struct world *w)
{
	struct testdir_doc doc = {.valid_after = time(NULL) - 60};

	memset(w, 0, sizeof(*w));
	log_set_level(LOG_ERROR);
	w->td = the_net;
	w->strangers = the_strangers;
	w->ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&w->loop, w->ev);
	for (int i = 0; i < 4; i++)
		w->fallbacks[i].relay = testdir_authorities(w->td)[0].relay;
	set_consensus(w, &doc);
}

static void on_deadline(struct ev_loop *ev, struct ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

static void run(struct world *w, double seconds)
{
	struct ev_timer t;

	ev_timer_init(&t, on_deadline, seconds, 0.);
	ev_timer_start(w->ev, &t);
	ev_run(w->ev, 0);
	ev_timer_stop(w->ev, &t);
}

static void world_end(struct world *w)
{
	dirclient_free(w->dc);
	w->dc = NULL;
	/* Every connection that was opened has been judged, exactly once. */
	ck_assert_uint_eq(w->results, w->opened);
	while (!LIST_EMPTY(&w->servers))
		server_free(LIST_FIRST(&w->servers));
	loop_deinit(&w->loop);
	ev_loop_destroy(w->ev);
	free(w->consensus);
}

static void make_dir(struct world *w)
{
	strcpy(w->dir, "/tmp/onionify-dir-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
}

static void remove_dir(const struct world *w)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void check_complete(struct world *w)
{
	const struct netdir *nd = dirclient_netdir(w->dc);
	size_t have, want;

	ck_assert_msg(w->done, "phase %d, %u of %u, %u opened, %u bad, problem: %s", w->last.phase,
		      w->last.done, w->last.total, w->opened, w->bad, w->problem);
	ck_assert_ptr_nonnull(nd);
	netdir_descriptor_count(nd, &have, &want);
	ck_assert_uint_eq(have, N_RELAYS);
	ck_assert_uint_eq(want, N_RELAYS);
	ck_assert_int_eq(dirclient_progress(w->dc).phase, DIR_PHASE_READY);
}

static void setup(void)
{
	the_net = testdir_new(N_AUTH, N_RELAYS, 1024);
	the_strangers = testdir_new(N_AUTH, 10, 1024);
}

static void teardown(void)
{
	testdir_free(the_net);
	testdir_free(the_strangers);
}

START_TEST(bootstraps_from_fallbacks)
{
	struct world w;

	world_init(&w);
	client_start(&w, 4);
	run(&w, 10);
	check_complete(&w);
	ck_assert_uint_eq(w.bad, 0);
	ck_assert_uint_ge(w.any, 3);
	ck_assert_uint_ge(w.netdirs, 2);
	world_end(&w);
}
END_TEST

START_TEST(requests_look_like_those_of_tor)
{
	struct world w;
	unsigned int micro = 0;

	world_init(&w);
	client_start(&w, 4);
	run(&w, 10);
	check_complete(&w);
	for (unsigned int i = 0; i < w.n_requests; i++) {
		char *r = w.requests[i];
		char *headers = strstr(r, " HTTP/1.0\r\n");

		if (strncmp(r, "GET /tor/micro/d/", 17) == 0) {
			micro++;
			continue;
		}
		ck_assert_ptr_nonnull(headers);
		ck_assert_str_eq(headers, " HTTP/1.0\r\nHost: 127.0.0.1:5000\r\nAccept-Encoding: "
					  "x-tor-lzma, x-zstd, deflate, gzip, identity\r\n\r\n");
		ck_assert_ptr_nonnull(strstr(r, ".z HTTP/1.0"));
	}
	ck_assert_uint_ge(micro, N_RELAYS / DIR_MD_BATCH_MAX);
	world_end(&w);
}
END_TEST

START_TEST(without_a_guard_the_fallbacks_serve_descriptors_too)
{
	struct world w;

	world_init(&w);
	w.no_guard = true;
	client_start(&w, _i ? 4 : 0);
	run(&w, 20);
	check_complete(&w);
	ck_assert_uint_eq(w.any, 0);
	world_end(&w);
}
END_TEST

static const enum manner manners[] = {HANG, SLAM, GARBAGE, NOT_FOUND, STRANGER, CUT};

START_TEST(a_bad_directory_never_gives_a_network_and_is_blamed)
{
	struct world w;

	world_init(&w);
	w.manner_given = manners[_i];
	client_start(&w, 4);
	run(&w, manners[_i] == HANG ? 5 : 2.5);
	ck_assert(!w.done);
	ck_assert_ptr_null(dirclient_netdir(w.dc));
	ck_assert_uint_ge(w.opened, 2);
	if (manners[_i] != HANG)
		ck_assert_uint_ge(w.bad, 1);
	/* Then directories behave, and nothing was lost. */
	w.manner_given = ANSWER;
	dirclient_kick(w.dc);
	run(&w, 15);
	check_complete(&w);
	world_end(&w);
}
END_TEST

START_TEST(junk_behind_certificates_is_not_kept)
{
	struct world w;

	world_init(&w);
	w.manner_given = JUNK;
	client_start(&w, 4);
	run(&w, 15);
	check_complete(&w);
	world_end(&w);
}
END_TEST

START_TEST(slow_fallbacks_do_not_hold_up_the_others)
{
	struct world w;

	world_init(&w);
	w.bad_first = 2;
	client_start(&w, 4);
	run(&w, 15);
	check_complete(&w);
	ck_assert_uint_ge(w.given, 3);
	world_end(&w);
}
END_TEST

START_TEST(a_consensus_with_invented_keys_is_not_waited_for_long)
{
	struct world w;

	world_init(&w);
	w.testing = true;
	w.manner_given = FORGED_KEYS;
	client_start(&w, 4);
	run(&w, 1);
	ck_assert_ptr_null(dirclient_netdir(w.dc));
	ck_assert_int_eq(w.last.phase, DIR_PHASE_CERTIFICATES);
	/* As if it had waited since long ago. */
	w.manner_given = ANSWER;
	w.dc->pending_ms -= 100 * 1000;
	dirclient_kick(w.dc);
	run(&w, 15);
	check_complete(&w);
	world_end(&w);
}
END_TEST

START_TEST(pieces_and_gaps_are_put_together)
{
	struct world w;

	world_init(&w);
	w.testing = true;
	w.manner_given = TRICKLE;
	w.manner_any = FORGETFUL;
	client_start(&w, 4);
	run(&w, 25);
	check_complete(&w);
	world_end(&w);
}
END_TEST

START_TEST(the_cache_gives_the_network_without_any_request)
{
	struct world w;

	world_init(&w);
	make_dir(&w);
	client_start(&w, 4);
	run(&w, 10);
	check_complete(&w);
	dirclient_free(w.dc);
	ck_assert_uint_eq(w.results, w.opened);
	w.opened = w.results = 0;
	w.done = false;
	client_start(&w, 4);
	run(&w, 2);
	check_complete(&w);
	ck_assert_uint_eq(w.opened, 0);
	world_end(&w);
	remove_dir(&w);
}
END_TEST

static const char *const cache_files[] = {"consensus-microdesc", "certificates",
					  "microdescriptors"};

static void damage(const struct world *w, const char *name, int how)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	if (how == 0)
		ck_assert_int_eq(ftruncate(fd, st.st_size * 2 / 3), 0);
	else if (how == 1)
		ck_assert_int_eq(pwrite(fd, "\0garbage\n", 9, st.st_size / 2), 9);
	else
		ck_assert_int_eq(ftruncate(fd, 0), 0);
	close(fd);
}

START_TEST(damaged_caches_are_rebuilt)
{
	struct world w;

	world_init(&w);
	make_dir(&w);
	client_start(&w, 4);
	run(&w, 10);
	check_complete(&w);
	dirclient_free(w.dc);
	damage(&w, cache_files[_i / 3], _i % 3);
	for (int again = 0; again < 2; again++) {
		w.opened = w.results = 0;
		w.done = false;
		client_start(&w, 4);
		run(&w, 10);
		check_complete(&w);
		if (again) {
			ck_assert_uint_eq(w.opened, 0);
			break;
		}
		dirclient_free(w.dc);
	}
	world_end(&w);
	remove_dir(&w);
}
END_TEST

START_TEST(a_wrong_clock_is_explained)
{
	struct world w;
	struct testdir_doc doc = {.valid_after = time(NULL) + (_i ? 3 : -4) * 86400};

	world_init(&w);
	set_consensus(&w, &doc);
	client_start(&w, 4);
	run(&w, 1.5);
	ck_assert_ptr_null(dirclient_netdir(w.dc));
	ck_assert_ptr_nonnull(strstr(w.problem, _i ? "behind" : "expired"));
	world_end(&w);
}
END_TEST

START_TEST(a_reasonably_live_consensus_serves_with_a_warning)
{
	struct world w;
	struct testdir_doc doc = {.valid_after = time(NULL) + (_i ? 2 : -10) * 3600};

	world_init(&w);
	set_consensus(&w, &doc);
	client_start(&w, 4);
	run(&w, 6);
	check_complete(&w);
	ck_assert_ptr_nonnull(strstr(w.problem, _i ? "behind" : "expired"));
	world_end(&w);
}
END_TEST

START_TEST(a_network_that_requires_more_is_refused)
{
	struct world w;
	struct testdir_doc doc = {.valid_after = time(NULL) - 60,
				  .required_client = "Link=4 Relay=2-60"};

	world_init(&w);
	set_consensus(&w, &doc);
	client_start(&w, 4);
	run(&w, 1.5);
	if (time(NULL) - 60 > (time_t)1795132800) {
		ck_assert_ptr_null(dirclient_netdir(w.dc));
		ck_assert_ptr_nonnull(strstr(w.problem, "Relay=7"));
		ck_assert_ptr_nonnull(strstr(w.problem, "upgrade"));
		ck_assert(w.last.given_up);
		ck_assert_uint_le(w.any, 0);
	}
	world_end(&w);
}
END_TEST

START_TEST(short_intervals_are_refreshed_before_they_expire)
{
	struct world w;
	struct testdir_doc doc = {.valid_after = time(NULL) - 1, .interval_s = 4};
	time_t first = doc.valid_after;

	world_init(&w);
	w.testing = true;
	make_dir(&w);
	set_consensus(&w, &doc);
	client_start(&w, 4);
	for (int i = 0; i < 14; i++) {
		const struct netdir *nd;

		w.done = false;
		run(&w, 1);
		doc.valid_after = first + (time(NULL) - first) / 4 * 4;
		set_consensus(&w, &doc);
		nd = dirclient_netdir(w.dc);
		if (i > 2) {
			ck_assert_ptr_nonnull(nd);
			ck_assert_int_le(time(NULL), netdir_times(nd).valid_until);
		}
	}
	ck_assert_int_ge(netdir_times(dirclient_netdir(w.dc)).valid_after, first + 4);
	world_end(&w);
	remove_dir(&w);
}
END_TEST

START_TEST(dormant_it_asks_for_nothing_and_woken_it_catches_up)
{
	struct world w;
	struct testdir_doc doc = {.valid_after = time(NULL) - 1, .interval_s = 4};
	unsigned int asked;

	world_init(&w);
	w.testing = true;
	make_dir(&w);
	set_consensus(&w, &doc);
	client_start(&w, 4);
	run(&w, 2);
	ck_assert_ptr_nonnull(dirclient_netdir(w.dc));
	dirclient_set_dormant(w.dc, true);
	w.done = false;
	run(&w, 0.2);
	asked = w.any + w.given;
	w.done = false;
	run(&w, 6);	/* past the time to refresh */
	ck_assert_uint_eq(w.any + w.given, asked);
	doc.valid_after = time(NULL) - 1;
	set_consensus(&w, &doc);
	dirclient_set_dormant(w.dc, false);
	w.done = false;
	run(&w, 3);
	ck_assert_uint_gt(w.any + w.given, asked);
	ck_assert_int_eq(netdir_times(dirclient_netdir(w.dc)).valid_after, doc.valid_after);
	world_end(&w);
	remove_dir(&w);
}
END_TEST

START_TEST(freed_in_the_middle_it_leaves_nothing_behind)
{
	struct world w;

	world_init(&w);
	w.manner_given = w.manner_any = _i % 2 ? TRICKLE : HANG;
	client_start(&w, 4);
	run(&w, 0.01 * _i);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dir_client");
	TCase *t = tcase_create("client");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_add_test(t, bootstraps_from_fallbacks);
	tcase_add_test(t, requests_look_like_those_of_tor);
	tcase_add_loop_test(t, without_a_guard_the_fallbacks_serve_descriptors_too, 0, 2);
	tcase_add_loop_test(t, a_bad_directory_never_gives_a_network_and_is_blamed, 0,
			    sizeof(manners) / sizeof(manners[0]));
	tcase_add_test(t, junk_behind_certificates_is_not_kept);
	tcase_add_test(t, slow_fallbacks_do_not_hold_up_the_others);
	tcase_add_test(t, a_consensus_with_invented_keys_is_not_waited_for_long);
	tcase_add_test(t, pieces_and_gaps_are_put_together);
	tcase_add_test(t, the_cache_gives_the_network_without_any_request);
	tcase_add_loop_test(t, damaged_caches_are_rebuilt, 0, 9);
	tcase_add_loop_test(t, a_wrong_clock_is_explained, 0, 2);
	tcase_add_loop_test(t, a_reasonably_live_consensus_serves_with_a_warning, 0, 2);
	tcase_add_test(t, a_network_that_requires_more_is_refused);
	tcase_add_test(t, short_intervals_are_refreshed_before_they_expire);
	tcase_add_test(t, dormant_it_asks_for_nothing_and_woken_it_catches_up);
	tcase_add_loop_test(t, freed_in_the_middle_it_leaves_nothing_behind, 0, 10);
	return suite_run(s);
}
