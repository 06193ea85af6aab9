/* SPDX-License-Identifier: BSD-3-Clause */
/* door.c - see door.h */
#include "shim/door.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "shim/agent.h"
#include "shim/book.h"
#include "shim/config.h"
#include "shim/hold.h"
#include "shim/notify_parts.h"
#include "shim/policy.h"
#include "shim/records.h"
#include "shim/relay.h"

#define STREAMS_MAX 512		/* of one invocation: a thread and two buffers each */
#define THREAD_STACK 131072
#define COMPLETE_TRIES 50	/* a simultaneous open takes 40 us; each try may wait 1 ms */
#define JOIN_MS 200		/* a caller that joins with a timeout is noticed this late */
#define AGENT_PATIENCE_MS 600000	/* the agent has timeouts of its own, far below */

struct attempt {
	struct door *door;
	uint64_t cookie;	/* of the program's socket */
	int fd;			/* duplicate of the program's socket */
	/* Under the door's lock: */
	uint64_t waiting;	/* notification to answer; 0 when the caller went on */
	int64_t give_up_ms;	/* SO_SNDTIMEO of the waiting caller; 0: none */
	int late;		/* what it gets then */
	bool six;		/* packets are IPv6 */
	int family;		/* of the program's socket */
	pid_t tid;
	struct addr_port dest;
	TAILQ_ENTRY(attempt) next;
};

struct door {
	int listener;
	struct book *book;
	int hold[2];		/* IPv4, IPv6 */
	struct hold_endpoint held_by[2];
	atomic_int streams;
	pthread_mutex_t lock;	/* of what follows */
	TAILQ_HEAD(, attempt) attempts;
	struct records records;	/* has a lock of its own */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- making a door --- */

struct door *door_new(int listener, struct book *book)
{
	struct door *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->listener = listener;
	d->book = book;
	TAILQ_INIT(&d->attempts);
	(void)pthread_mutex_init(&d->lock, NULL);
	records_init(&d->records);
	for (int six = 0; six < 2; six++)
		d->hold[six] = hold_listen(six, &d->held_by[six]);
	if (d->hold[0] >= 0)
		return d;
	free(d);
	return NULL;
}

int door_streams(const struct door *d)
{
	return atomic_load(&d->streams);
}

/* --- one attempt, in its thread --- */

/* Answers whoever waits for this attempt; true when somebody did. */
static bool tell(struct attempt *a, int64_t result)
{
	uint64_t id;

	(void)pthread_mutex_lock(&a->door->lock);
	id = a->waiting;
	a->waiting = 0;
	(void)pthread_mutex_unlock(&a->door->lock);
	if (id != 0)
		notify_answer(a->door->listener, id, result);
	return id != 0;
}

bool door_peer(struct door *d, int fd, struct addr_port *ret)
{
	return records_peer(&d->records, hold_cookie(fd), ret);
}

int door_take_error(struct door *d, int fd)
{
	return records_take_error(&d->records, hold_cookie(fd));
}

/*
 * Questions for a name server go to the agent's own, whichever was meant: an exit would
 * give out addresses that are of no use in here.
 */
static int find_target(const struct attempt *a, struct addr_port *ret)
{
	struct ipc_addresses agent = { 0 };

	*ret = a->dest;
	if (a->dest.port != POLICY_DNS_PORT)
		return 0;
	if (agent_resolve(IPC_NAME_AGENT, strlen(IPC_NAME_AGENT), &agent) != 0 ||
	    agent.v4.family != ADDR_V4)
		return -ECONNREFUSED;
	ret->addr = agent.v4;
	return 0;
}

static int send_open(const struct attempt *a, int fd)
{
	const struct config *c = config_get();
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	char program[IPC_PROGRAM_MAX + 1];
	struct ipc_open open = {
		.app_family = a->family == AF_INET6 ? ADDR_V6 : ADDR_V4,
		.pid = (uint32_t)a->tid,
		.domain = { c->domain, strlen(c->domain) },
	};
	int r = find_target(a, &open.dest);
	ssize_t n;

	if (r < 0)
		return r;
	notify_read_program(a->tid, program);
	open.program = (struct ipc_str){ program, strlen(program) };
	if (getrandom(&open.handle, sizeof(open.handle), 0) != (ssize_t)sizeof(open.handle))
		return -ENETUNREACH;
	n = ipc_open_encode(frame, sizeof(frame), &open);
	if (n < 0)
		return -ECONNREFUSED;
	return send(fd, frame, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -ENETUNREACH;
}

/* Lets a caller go whose SO_SNDTIMEO is over; the attempt goes on. */
static void release_late(struct attempt *a)
{
	uint64_t id = 0;
	int late;

	(void)pthread_mutex_lock(&a->door->lock);
	late = a->late;
	if (a->give_up_ms != 0 && now_ms() >= a->give_up_ms) {
		id = a->waiting;
		a->waiting = 0;
		a->give_up_ms = 0;
	}
	(void)pthread_mutex_unlock(&a->door->lock);
	if (id != 0)
		notify_answer(a->door->listener, id, late);
}

static int await_result(struct attempt *a, int fd)
{
	uint8_t frame[IPC_RESULT_LEN], type;
	int64_t deadline = now_ms() + AGENT_PATIENCE_MS;
	uint32_t error = 0;
	size_t got = 0, len;

	while (got < sizeof(frame)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		release_late(a);
		if (now_ms() >= deadline)
			return -ETIMEDOUT;
		if (poll(&p, 1, JOIN_MS) <= 0)
			continue;
		n = recv(fd, frame + got, sizeof(frame) - got, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -ENETUNREACH;
		got += n > 0 ? (size_t)n : 0;
	}
	if (ipc_header_decode(frame, sizeof(frame), &type, &len) < 0 || type != IPC_RESULT ||
	    len != sizeof(frame) - IPC_HEADER_LEN ||
	    ipc_result_decode(frame + IPC_HEADER_LEN, len, &error) < 0)
		return -ENETUNREACH;
	return error < 4096 ? -(int)error : -ECONNREFUSED;
}

/* The other half of the simultaneous open. Its descriptor or -errno. */
static int complete(const struct attempt *a)
{
	const struct hold_endpoint *from = &a->door->held_by[a->six];
	struct hold_endpoint to = { .len = sizeof(to.ss) };
	struct timeval patience = { .tv_sec = 2 };
	struct addr_port ap;
	int fd, r = -ECONNABORTED;

	if (getsockname(a->fd, (struct sockaddr *)&to.ss, &to.len) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&to.ss, to.len, &ap) != 0)
		return r;
	ap.addr = addr_unmap_v4(&ap.addr);
	to.len = addr_to_sockaddr(&ap, &to.ss);
	fd = socket(a->six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	(void)hold_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	(void)hold_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (bind(fd, (const struct sockaddr *)&from->ss, from->len) == 0 &&
	    hold_tcp_state(a->fd) == TCP_SYN_SENT &&
	    connect(fd, (struct sockaddr *)&to.ss, to.len) == 0)
		r = 0;
	for (int i = 0; r == 0 && hold_tcp_state(a->fd) != TCP_ESTABLISHED && i < COMPLETE_TRIES; i++)
		(void)usleep(1000);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

static bool is_awaited(struct attempt *a)
{
	bool awaited;

	(void)pthread_mutex_lock(&a->door->lock);
	awaited = a->waiting != 0;
	(void)pthread_mutex_unlock(&a->door->lock);
	return awaited;
}

/*
 * Disconnecting leaves ECONNRESET in the socket, which wakes whoever polls it. A
 * blocking caller is told the reason instead; others find it in SO_ERROR.
 */
static void refuse(struct attempt *a, int error)
{
	int pending;
	socklen_t len = sizeof(pending);

	if (!is_awaited(a))
		records_add(&a->door->records, a->cookie, &a->dest, -error);
	hold_disconnect(a->fd);
	if (!is_awaited(a))
		return;
	(void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	(void)tell(a, error);
}

/* connect() reports its outcome once: a blocking caller has had it then. */
static void accept_caller(struct attempt *a)
{
	struct hold_endpoint hold = hold_as_family(&a->door->held_by[a->six], a->family);

	records_add(&a->door->records, a->cookie, &a->dest, 0);
	if (is_awaited(a))
		(void)hold_connect_now(a->fd, &hold);
	(void)tell(a, 0);
}

static void forget(struct attempt *a)
{
	(void)pthread_mutex_lock(&a->door->lock);
	TAILQ_REMOVE(&a->door->attempts, a, next);
	(void)pthread_mutex_unlock(&a->door->lock);
	(void)close(a->fd);
}

static void *attempt_run(void *arg)
{
	struct attempt *a = arg;
	struct door *door = a->door;
	int agent = agent_connect(0, ADDR_NONE), mine = -1;
	int r = agent == AGENT_OF_ANOTHER_USER ? -ENETUNREACH : agent;

	if (r >= 0)
		r = send_open(a, agent);
	if (r == 0)
		r = await_result(a, agent);
	if (r == 0) {
		mine = complete(a);
		r = mine < 0 ? mine : 0;
	}
	if (r == 0)
		accept_caller(a);
	else
		refuse(a, r);
	book_add_stream(door->book, &a->dest, r);
	forget(a);
	free(a);
	if (r == 0)
		relay_run(mine, agent);
	if (mine >= 0)
		(void)close(mine);
	if (agent >= 0)
		(void)close(agent);
	atomic_fetch_sub(&door->streams, 1);
	return NULL;
}

/* --- the caught call --- */

static int64_t send_deadline(int fd)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) != 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return 0;
	return now_ms() + (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}

/* A second connect() on a held socket: a restarted or repeated call. */
static int join_attempt(struct door *d, uint64_t cookie, const struct door_call *c, bool blocking)
{
	struct attempt *a;
	int r = -EALREADY;

	(void)pthread_mutex_lock(&d->lock);
	TAILQ_FOREACH(a, &d->attempts, next) {
		if (a->cookie != cookie || !blocking)
			continue;
		a->waiting = c->id;
		a->give_up_ms = send_deadline(c->fd);
		a->late = -EALREADY;
		r = 1;
	}
	(void)pthread_mutex_unlock(&d->lock);
	return r;
}

static int start_thread(struct attempt *a)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	r = pthread_create(&thread, &attr, attempt_run, a);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

static int begin_attempt(struct door *d, const struct door_call *c, uint64_t cookie, bool blocking)
{
	struct attempt *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	*a = (struct attempt){
		.door = d, .cookie = cookie, .waiting = blocking ? c->id : 0,
		.fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 3), .tid = c->tid,
		.give_up_ms = blocking ? send_deadline(c->fd) : 0, .late = -EINPROGRESS,
		.six = c->dest.addr.family == ADDR_V6, .family = c->domain, .dest = c->dest,
	};
	(void)pthread_mutex_lock(&d->lock);
	TAILQ_INSERT_TAIL(&d->attempts, a, next);
	(void)pthread_mutex_unlock(&d->lock);
	atomic_fetch_add(&d->streams, 1);
	r = a->fd < 0 ? -EMFILE : start_thread(a);
	if (r == 0)
		return blocking ? 1 : -EINPROGRESS;
	atomic_fetch_sub(&d->streams, 1);
	hold_disconnect(c->fd);
	forget(a);
	free(a);
	return r;
}

/* The outcome of an earlier attempt that connect() has not reported yet. */
static int owed_error(struct door *d, int fd)
{
	int error = records_take_connect(&d->records, hold_cookie(fd)), pending;
	socklen_t len = sizeof(pending);

	if (error != 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	return error;
}

int door_connect(struct door *d, const struct door_call *c)
{
	bool blocking = !(fcntl(c->fd, F_GETFL) & O_NONBLOCK);
	bool six = c->dest.addr.family == ADDR_V6;
	struct hold_endpoint hold = hold_as_family(&d->held_by[six], c->domain);
	int state = hold_tcp_state(c->fd), r;

	if (state == TCP_SYN_SENT)
		return join_attempt(d, hold_cookie(c->fd), c, blocking);
	if (d->hold[six] < 0 || atomic_load(&d->streams) >= STREAMS_MAX)
		return d->hold[six] < 0 ? -ENETUNREACH : -EAGAIN;
	if (c->dest.port == 0)
		return -ECONNREFUSED;
	/* A SYN that carries data would be lost in the hold. */
	(void)hold_set_int(c->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0);
	if (state == TCP_CLOSE) {
		r = owed_error(d, c->fd);
		if (r != 0)
			return -r;
		hold_bind_loopback(c->fd, c->domain, six);
	}
	r = hold_connect_now(c->fd, &hold);
	if (r != -EINPROGRESS)
		return r;	/* EISCONN and the like: the kernel's own words */
	return begin_attempt(d, c, hold_cookie(c->fd), blocking);
}
