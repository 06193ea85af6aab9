/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front.c - what the front does with what the directory client says
 *
 * The layers are real and talk to nobody; the directory client is played by this file.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/front/front_internal.h"
#include "agent/front/pool_internal.h"
#include "tests/support/pathnet.h"
#include "tests/support/suite.h"

#define CLOSED (UINT32_MAX - 1)	/* no errno: the connection was closed without an answer */

static const struct netdir *vouched;	/* what dirclient_netdir() says */
static int some_dirclient;

const struct netdir *dirclient_netdir(const struct dirclient *dc)
{
	(void)dc;
	return vouched;
}

struct dir_progress dirclient_progress(const struct dirclient *dc)
{
	(void)dc;
	return (struct dir_progress){ .phase = DIR_PHASE_READY };
}

void dirclient_set_dormant(struct dirclient *dc, bool dormant)
{
	(void)dc;
	(void)dormant;
}

static int32_t get_param(void *ctx, const char *name, int32_t def, int32_t min, int32_t max)
{
	(void)ctx;
	(void)name;
	(void)min;
	(void)max;
	return def;
}

static const struct pathnet_relay relays[] = {
	{ .number = 1, .flags = PATHNET_ALL_FLAGS | RELAY_GUARD, .bandwidth = 1000,
	  .ipv4 = 0x01010101 },
	{ .number = 2, .flags = PATHNET_ALL_FLAGS, .bandwidth = 1000, .ipv4 = 0x02020202 },
	{ .number = 3, .flags = PATHNET_ALL_FLAGS | RELAY_EXIT, .bandwidth = 1000,
	  .ipv4 = 0x03030303, .policy4 = "accept 80,443" },
};

static struct ev_loop *ev;
static struct loop loop;
static struct config config;
static struct channel_pool *channels;
static struct circ_env circ;
static struct path_ctx *path;
static struct front *front;
static struct netdir *nd;

static void setup(void)
{
	const struct channel_pool_config cc = { .testing = true };
	const struct path_config pc = { .testing = true };
	struct front_config fc = { .loop = &loop, .config = &config, .circ = &circ };
	char err[CONFIG_ERR_MAX];

	config_init(&config);
	ck_assert_int_eq(config_parse(&config, "", 0, err, sizeof(err)), 0);
	ev = ev_loop_new(EVFLAG_AUTO);
	loop_init(&loop, ev);
	channels = channel_pool_new(&loop, &cc, NULL, NULL);
	path = path_new(&pc);
	circ = (struct circ_env){ .loop = &loop, .channels = channels, .param = get_param,
				  .next_id = 1 };
	fc.channels = channels;
	fc.path = path;
	front = front_new(&fc);
	ck_assert_ptr_nonnull(front);
	front_set_dirclient(front, (struct dirclient *)&some_dirclient);
	nd = pathnet_build(relays, sizeof(relays) / sizeof(relays[0]), NULL, NULL, time(NULL));
	vouched = NULL;
}

static void teardown(void)
{
	front_stop(front);
	channel_pool_free(channels);
	path_free(path);
	loop_deinit(&loop);
	front_free(front);
	ev_loop_destroy(ev);
	netdir_unref(nd);
	config_deinit(&config);
}

static void progress(enum dir_phase phase, const char *problem)
{
	const struct dir_progress p = { .phase = phase, .problem = problem };

	front_dir_ops()->progress(front, &p);
}

static void become_ready(void)
{
	vouched = nd;
	front_dir_ops()->netdir(front, nd);
	progress(DIR_PHASE_READY, NULL);
}

START_TEST(a_network_that_became_too_old_is_not_used)
{
	progress(DIR_PHASE_CONNECTING, NULL);
	ck_assert_str_eq(progress_get(front->progress)->problem, "");
	become_ready();
	ck_assert_ptr_eq(front->pool->netdir, nd);
	vouched = NULL;
	progress(DIR_PHASE_CONSENSUS, NULL);
	ck_assert_ptr_null(front->pool->netdir);
	ck_assert_ptr_nonnull(strstr(progress_get(front->progress)->problem, "too old"));
	ck_assert_uint_lt(progress_get(front->progress)->percent, 100);
	/* The clock was set right: the same network is good again. */
	vouched = nd;
	progress(DIR_PHASE_READY, NULL);
	ck_assert_ptr_eq(front->pool->netdir, nd);
	ck_assert_str_eq(progress_get(front->progress)->problem, "");
}
END_TEST

START_TEST(what_the_directory_says_is_told_rather_than_our_guess)
{
	become_ready();
	vouched = NULL;
	progress(DIR_PHASE_CONSENSUS, "This version of onionify is too old");
	ck_assert_str_eq(progress_get(front->progress)->problem,
			 "This version of onionify is too old");
	ck_assert_ptr_null(front->pool->netdir);
}
END_TEST

START_TEST(a_clock_that_is_wrong_is_told_while_there_is_no_connection)
{
	progress(DIR_PHASE_CONNECTING, NULL);
	front_note_clock_skew(front, -7500);
	ck_assert_str_eq(progress_get(front->progress)->problem,
			 "the clock of this computer seems to be 2 h 05 min behind");
	front_note_clock_skew(front, 3);
	ck_assert_str_eq(progress_get(front->progress)->problem, "");
}
END_TEST

START_TEST(a_network_that_changed_is_tried_again)
{
	become_ready();
	front->pool->not_before_ms = INT64_MAX;
	front_network_changed(front, false);
	ck_assert_int_eq(front->pool->not_before_ms, 0);
	front->pool->not_before_ms = INT64_MAX;
	front_network_changed(front, true);
	ck_assert_int_eq(front->pool->not_before_ms, 0);
	ck_assert_uint_eq(front->pool->n_circs, 0);
	front_stop(front);
	front_network_changed(front, true);	/* nothing to do any more */
}
END_TEST

/* What the agent answers to an OPEN with @handle; the program's end stays open in @ret_fd. */
static uint32_t open_with(uint64_t handle, int *ret_fd)
{
	struct ipc_open m = { .handle = handle, .app_family = ADDR_V4, .dest = { .port = 80 },
			      .name = { "a.test.example", 14 }, .domain = { "d", 1 } };
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	uint32_t error = UINT32_MAX;
	ssize_t n = ipc_open_encode(frame, sizeof(frame), &m);
	int fds[2];

	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(session_adopt(front->sessions, fds[1]), 0);
	ck_assert_int_eq(send(fds[0], frame, (size_t)n, 0), n);
	for (int i = 0; i < 5; i++)
		ev_run(ev, EVRUN_NOWAIT);
	n = recv(fds[0], frame, sizeof(frame), MSG_DONTWAIT);
	if (n == IPC_RESULT_LEN)
		ck_assert_int_eq(ipc_result_decode(frame + IPC_HEADER_LEN, 4, &error), 0);
	else if (n == 0 || errno == ECONNRESET)
		error = CLOSED;
	*ret_fd = fds[0];
	return error;
}

START_TEST(a_handle_in_use_stays_its_streams)
{
	struct ipc_info info;
	int first, second, third;

	become_ready();
	ck_assert_uint_eq(open_with(0x1234, &first), UINT32_MAX);	/* it waits */
	ck_assert_uint_eq(open_with(0x1234, &second), EADDRINUSE);
	handles_query(front->handles, 0x1234, loop_now_ms(&loop), &info);
	ck_assert_int_eq(info.state, IPC_STREAM_PENDING);
	ck_assert_uint_eq(info.error, 0);
	/* 0 is none at all. */
	ck_assert_uint_eq(open_with(0, &third), CLOSED);
	ck_assert_uint_eq(handles_count(front->handles), 1);
	close(first);
	close(second);
	close(third);
}
END_TEST

START_TEST(what_comes_after_the_end_finds_nothing)
{
	struct dir_connection dc;
	char err[200];

	become_ready();
	front_stop(front);
	/* Circuits, channels and signals may come for some rounds yet. */
	front_pool_changed(front);
	front_note_clock_skew(front, 7200);
	front_note_obstacle(front, "none");
	front_network_changed(front, true);
	front_kick(front);
	ck_assert_int_eq(front_load_onion_auth(front, err, sizeof(err)), 0);
	ck_assert_uint_eq(front_host_services(front, err, sizeof(err)), 0);
	progress(DIR_PHASE_READY, NULL);
	front_dir_ops()->netdir(front, nd);
	front_dir_ops()->result(front, 1, true);
	ck_assert_int_eq(front_dir_ops()->open(front, NULL, &dc), -ESHUTDOWN);
	for (int i = 0; i < 3; i++)
		ev_run(ev, EVRUN_NOWAIT);
	front_stop(front);
}
END_TEST

/* As when streams or circuits are lost in the middle of front_stop(). */
START_TEST(a_change_in_the_middle_of_the_end_is_ignored)
{
	become_ready();
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert(!front->progress_task.queued);
	front->pool->opened_once = true;	/* news, at other times */
	front->stopped = true;
	front_pool_changed(front);
	ck_assert(!front->progress_task.queued);
	front->stopped = false;
	front_pool_changed(front);
	ck_assert(front->progress_task.queued);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front");
	TCase *t = tcase_create("front");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_network_that_became_too_old_is_not_used);
	tcase_add_test(t, what_the_directory_says_is_told_rather_than_our_guess);
	tcase_add_test(t, a_clock_that_is_wrong_is_told_while_there_is_no_connection);
	tcase_add_test(t, a_network_that_changed_is_tried_again);
	tcase_add_test(t, a_handle_in_use_stays_its_streams);
	tcase_add_test(t, what_comes_after_the_end_finds_nothing);
	tcase_add_test(t, a_change_in_the_middle_of_the_end_is_ignored);
	suite_add_tcase(s, t);
	return suite_run(s);
}
