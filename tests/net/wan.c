/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wan.c - a wide-area network in one process, for kernels without netem
 *
 *	wan DELAY_MS MBIT DEVICE@NETNS=ADDRESS[,ADDRESS...]...
 *
 * Makes a TAP device in every network namespace that is named (a path such as
 * /proc/PID/ns/net). A frame that one of them sends arrives DELAY_MS later at the
 * one that has its IP destination address, at most MBIT Mbit/s out of each (0: no
 * limit). Frames for nobody vanish. Devices are TAP, not TUN, so that they look
 * like other Ethernet links to packet captures; they are meant to be used without
 * ARP (IFF_NOARP): Linux then puts the sender's own address where the receiver's
 * belongs, and the right one is filled in here.
 *
 * The namespaces' own addresses and routes are the caller's to set, after the line
 * "ready". SIGTERM ends it; the devices go with it. One thread, a fixed pool of
 * frames: when that is empty, or a limited sender's frames would wait for more
 * than QUEUE_MAX_NS, frames are dropped as routers do. Totals are told at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HOSTS_MAX 32
#define ADDRS_MAX 8
#define FRAME_MAX 9216		/* an MTU of 9000 and its header */
#define FRAMES_MAX 8192		/* 75 MiB: 1 Gbyte/s for 70 ms */
#define BURST_MAX 64		/* frames read from one device in a row */
#define DELAY_MS_MAX 10000
#define MBIT_MAX 100000
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define QUEUE_MAX_NS (200 * NS_PER_MS)
#define IP6_PREFIX_V4 "\0\0\0\0\0\0\0\0\0\0\xff\xff"	/* IPv4 as IPv6: one table */

struct frame {
	STAILQ_ENTRY(frame) entry;
	uint64_t due_ns;
	unsigned int to;	/* index of a host */
	size_t len;
	uint8_t bytes[FRAME_MAX];
};
STAILQ_HEAD(frame_list, frame);

struct host {
	int fd;
	uint8_t mac[ETH_ALEN];
	uint8_t addrs[ADDRS_MAX][16];
	unsigned int n_addrs;
	uint64_t free_at_ns;	/* when the line has sent what waits for it */
	struct frame_list queue;	/* in order of due_ns */
};

struct wan {
	uint64_t delay_ns;
	double ns_per_byte;	/* 0: no limit */
	struct host hosts[HOSTS_MAX];
	unsigned int n_hosts;
	struct frame_list unused;
	int epoll_fd, timer_fd, signal_fd;
	uint64_t n_carried, n_dropped, n_foreign;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* --- start --- */

static bool parse_addr(const char *text, uint8_t ret[16])
{
	memcpy(ret, IP6_PREFIX_V4, 12);
	return inet_pton(AF_INET, text, ret + 12) == 1 || inet_pton(AF_INET6, text, ret) == 1;
}

/* Opens a TAP device @name in this process's network namespace and learns its address. */
static int open_tap(const char *name, uint8_t ret_mac[ETH_ALEN])
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "wan: /dev/net/tun cannot be used: %s\n", strerror(errno));
		return -1;
	}
	if (strlen(name) >= sizeof(r.ifr_name)) {
		fprintf(stderr, "wan: device name too long: %s\n", name);
		close(fd);
		return -1;
	}
	memcpy(r.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &r) < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0) {
		fprintf(stderr, "wan: device %s: %s\n", name, strerror(errno));
		close(fd);
		return -1;
	}
	memcpy(ret_mac, r.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

/* The same in the namespace at @path; afterwards this process is back @home. */
static int open_tap_in(int home, const char *path, const char *name, uint8_t ret_mac[ETH_ALEN])
{
	int there = open(path, O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		fprintf(stderr, "wan: namespace %s: %s\n", path, strerror(errno));
	else
		fd = open_tap(name, ret_mac);
	if (there >= 0)
		close(there);
	if (setns(home, CLONE_NEWNET) < 0) {
		fprintf(stderr, "wan: back to the own namespace: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* One DEVICE@NETNS=ADDRESS[,ADDRESS...] */
static bool add_host(struct wan *w, int home, char *spec)
{
	struct host *h = &w->hosts[w->n_hosts];
	struct epoll_event e = { .events = EPOLLIN, .data.fd = -1 };
	char *path = strchr(spec, '@');
	char *addrs = path ? strchr(path, '=') : NULL;
	char *save = NULL;

	if (!addrs) {
		fprintf(stderr, "wan: not DEVICE@NETNS=ADDRESS: %s\n", spec);
		return false;
	}
	if (w->n_hosts == HOSTS_MAX) {
		fprintf(stderr, "wan: more than %d hosts\n", HOSTS_MAX);
		return false;
	}
	*path++ = '\0';
	*addrs++ = '\0';
	for (char *a = strtok_r(addrs, ",", &save); a; a = strtok_r(NULL, ",", &save)) {
		if (h->n_addrs == ADDRS_MAX || !parse_addr(a, h->addrs[h->n_addrs++])) {
			fprintf(stderr, "wan: not an address, or too many: %s\n", a);
			return false;
		}
	}
	STAILQ_INIT(&h->queue);
	h->fd = open_tap_in(home, path, spec, h->mac);
	if (h->fd < 0)
		return false;
	e.data.u32 = w->n_hosts++;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, h->fd, &e) == 0;
}

static bool parse_number(const char *text, double max, double *ret)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno || end == text || *end || !(v >= 0 && v <= max)) {
		fprintf(stderr, "wan: not a number from 0 to %.0f: %s\n", max, text);
		return false;
	}
	*ret = v;
	return true;
}

static bool open_loop(struct wan *w)
{
	struct epoll_event timer = { .events = EPOLLIN, .data.u32 = HOSTS_MAX };
	struct epoll_event signals = { .events = EPOLLIN, .data.u32 = HOSTS_MAX + 1 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (w->epoll_fd < 0 || w->timer_fd < 0 || w->signal_fd < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->timer_fd, &timer) < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->signal_fd, &signals) < 0) {
		perror("wan: start");
		return false;
	}
	return true;
}

static bool make_pool(struct wan *w)
{
	struct frame *all = calloc(FRAMES_MAX, sizeof(*all));	/* lives as long as we */

	STAILQ_INIT(&w->unused);
	for (size_t i = 0; all && i < FRAMES_MAX; i++)
		STAILQ_INSERT_HEAD(&w->unused, &all[FRAMES_MAX - 1 - i], entry);
	if (!all)
		fprintf(stderr, "wan: out of memory\n");
	return all != NULL;
}

/* --- frames --- */

/* Index of the host that has the frame's destination, or n_hosts. */
static unsigned int find_host(const struct wan *w, const uint8_t *frame, size_t len)
{
	uint8_t dest[16];
	uint16_t type;

	if (len < ETH_HLEN + 20)
		return w->n_hosts;
	memcpy(&type, frame + 12, sizeof(type));
	if (type == htons(ETHERTYPE_IP)) {
		memcpy(dest, IP6_PREFIX_V4, 12);
		memcpy(dest + 12, frame + ETH_HLEN + 16, 4);
	} else if (type == htons(ETHERTYPE_IPV6) && len >= ETH_HLEN + 40) {
		memcpy(dest, frame + ETH_HLEN + 24, 16);
	} else {
		return w->n_hosts;
	}
	for (unsigned int i = 0; i < w->n_hosts; i++)
		for (unsigned int k = 0; k < w->hosts[i].n_addrs; k++)
			if (memcmp(w->hosts[i].addrs[k], dest, 16) == 0)
				return i;
	return w->n_hosts;
}

/* When the last bit of @len more bytes has left @h; 0 when too much waits already. */
static uint64_t line_take(const struct wan *w, struct host *h, size_t len, uint64_t now)
{
	if (w->ns_per_byte <= 0)
		return now;
	if (h->free_at_ns < now)
		h->free_at_ns = now;
	if (h->free_at_ns - now > QUEUE_MAX_NS)
		return 0;
	h->free_at_ns += (uint64_t)((double)len * w->ns_per_byte);
	return h->free_at_ns;
}

/* Reads one frame of @h and queues it. False when there is none. */
static bool take_frame(struct wan *w, struct host *h, uint64_t now)
{
	static uint8_t lost[FRAME_MAX];
	struct frame *f = STAILQ_FIRST(&w->unused);
	ssize_t n = read(h->fd, f ? f->bytes : lost, FRAME_MAX);
	uint64_t sent;

	if (n < 0)
		return false;
	if (!f) {
		w->n_dropped++;
		return true;
	}
	f->len = (size_t)n;
	f->to = find_host(w, f->bytes, f->len);
	if (f->to == w->n_hosts) {
		w->n_foreign++;
		return true;
	}
	sent = line_take(w, h, f->len, now);
	if (!sent) {
		w->n_dropped++;
		return true;
	}
	f->due_ns = sent + w->delay_ns;
	memcpy(f->bytes, w->hosts[f->to].mac, ETH_ALEN);
	STAILQ_REMOVE_HEAD(&w->unused, entry);
	STAILQ_INSERT_TAIL(&h->queue, f, entry);
	return true;
}

/* Hands over what is due. The time of the next one, or 0. */
static uint64_t deliver(struct wan *w)
{
	uint64_t now = now_ns(), next = 0;

	for (unsigned int i = 0; i < w->n_hosts; i++) {
		struct frame_list *q = &w->hosts[i].queue;
		struct frame *f;

		while ((f = STAILQ_FIRST(q)) && f->due_ns <= now) {
			if (write(w->hosts[f->to].fd, f->bytes, f->len) == (ssize_t)f->len)
				w->n_carried++;
			else
				w->n_dropped++;
			STAILQ_REMOVE_HEAD(q, entry);
			STAILQ_INSERT_HEAD(&w->unused, f, entry);
		}
		if (f && (next == 0 || f->due_ns < next))
			next = f->due_ns;
	}
	return next;
}

static void arm_timer(const struct wan *w, uint64_t at)
{
	struct itimerspec s = { .it_value = { .tv_sec = (time_t)(at / NS_PER_S),
					      .tv_nsec = (long)(at % NS_PER_S) } };
	uint64_t expired;

	(void)!read(w->timer_fd, &expired, sizeof(expired));
	timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &s, NULL);
}

/* Until a signal. False when the kernel refused to wait. */
static bool run(struct wan *w)
{
	struct epoll_event events[HOSTS_MAX + 2];

	for (;;) {
		int n = epoll_wait(w->epoll_fd, events, HOSTS_MAX + 2, -1);
		uint64_t now = now_ns();

		if (n < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < n; i++) {
			uint32_t who = events[i].data.u32;

			if (who == HOSTS_MAX + 1)
				return true;
			for (int k = 0; who < HOSTS_MAX && k < BURST_MAX; k++)
				if (!take_frame(w, &w->hosts[who], now))
					break;
		}
		arm_timer(w, deliver(w));
	}
}

int main(int argc, char **argv)
{
	static struct wan w;	/* zero; too large for the stack */
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	double delay_ms, mbit;
	bool good;

	if (argc < 4) {
		fprintf(stderr, "usage: wan DELAY_MS MBIT DEVICE@NETNS=ADDRESS[,ADDRESS...]...\n");
		return 2;
	}
	if (!parse_number(argv[1], DELAY_MS_MAX, &delay_ms) ||
	    !parse_number(argv[2], MBIT_MAX, &mbit) || !make_pool(&w) || !open_loop(&w))
		return 1;
	w.delay_ns = (uint64_t)(delay_ms * (double)NS_PER_MS);
	w.ns_per_byte = mbit > 0 ? 8e3 / mbit : 0;
	for (int i = 3; i < argc; i++)
		if (!add_host(&w, home, argv[i]))
			return 1;
	printf("ready\n");
	fflush(stdout);
	good = run(&w);
	printf("%llu frames carried, %llu dropped, %llu for nobody\n",
	       (unsigned long long)w.n_carried, (unsigned long long)w.n_dropped,
	       (unsigned long long)w.n_foreign);
	return good ? 0 : 1;
}
