/* SPDX-License-Identifier: BSD-3-Clause */
/* serve_agent.c - see serve_agent.h */
#include "shim/serve_agent.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/secret.h"
#include "shim/launch.h"
#include "shim/say.h"

/* --- asking --- */

static size_t append(char *buf, size_t at, size_t cap, const char *text)
{
	size_t n = strlen(text);

	if (at + n >= cap)
		return cap;
	memcpy(buf + at, text, n + 1);
	return at + n;
}

static size_t append_port(char *buf, size_t at, size_t cap, uint16_t virt,
			  const struct addr_port *target)
{
	char word[128];
	char where[ADDR_STR_MAX];

	(void)snprintf(word, sizeof(word), " %u:%s", virt, addr_port_format(target, where));
	return append(buf, at, cap, word);
}

/* "service add bound circuit-source=1 PORT:ADDRESS:PORT... show-key|key=KEY" (PROTOCOL.md) */
static size_t make_command(char *buf, size_t cap, const struct serving *s,
			   const struct addr_port *at, const struct serve_probe *probe,
			   const char *key)
{
	size_t n = append(buf, 0, cap, "service add bound circuit-source=1");

	for (size_t i = 0; i < s->n; i++) {
		if (at[i].port != 0)
			n = append_port(buf, n, cap, s->ports[i].virt, &at[i]);
	}
	n = append_port(buf, n, cap, probe->virt, &probe->at);
	n = append(buf, n, cap, key ? " key=" : " show-key");
	return append(buf, n, cap, key ? key : "");
}

static int send_frame(int fd, const uint8_t *frame, ssize_t len)
{
	if (len < 0)
		return (int)len;
	return send(fd, frame, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -EPIPE;
}

int serve_agent_add(struct serve_agent *a, const char *socket, const struct serving *s,
		    const struct addr_port *at, const struct serve_probe *probe, const char *key)
{
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	char command[IPC_REQUEST_MAX];
	size_t len = make_command(command, sizeof(command), s, at, probe, key);
	int r = -E2BIG;

	if (len < sizeof(command)) {
		a->have = 0;
		a->fd = launch_connect(socket);
		r = a->fd < 0 ? a->fd : 0;
	}
	if (r == 0)
		r = send_frame(a->fd, frame,
			       ipc_control_encode(frame, sizeof(frame),
						  (struct ipc_str){ command, len }));
	secret_wipe(command, sizeof(command));
	secret_wipe(frame, sizeof(frame));
	if (r < 0)
		serve_agent_close(a);
	return r;
}

void serve_agent_close(struct serve_agent *a)
{
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
	secret_wipe(a->buf, sizeof(a->buf));
	a->have = 0;
}

/* --- hearing --- */

static int copy_word(char *dst, size_t cap, json_t *value, bool required)
{
	const char *text = json_string_value(value);

	if (!text)
		return required ? -EPROTO : 0;
	if (strlen(text) >= cap)
		return -EPROTO;
	say_clean(dst, cap, text, strlen(text));
	return 0;
}

static int parse_state(json_t *value, enum serve_state *ret)
{
	static const struct {
		const char *name;
		enum serve_state state;
	} states[] = {
		{ "starting", SERVE_STARTING },
		{ "publishing", SERVE_PUBLISHING },
		{ "reachable", SERVE_PUBLISHED },
	};
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(text, states[i].name) == 0) {
			*ret = states[i].state;
			return 0;
		}
	}
	return -EPROTO;
}

int serve_event_parse(const char *json, size_t len, struct serve_event *ret)
{
	json_t *doc = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	struct serve_event e = { .ended = false };
	int r = json_is_object(doc) ? 0 : -EPROTO;

	if (r == 0)
		r = copy_word(e.address, sizeof(e.address), json_object_get(doc, "address"), true);
	if (r == 0)
		r = copy_word(e.key, sizeof(e.key), json_object_get(doc, "key"), false);
	if (r == 0)
		r = parse_state(json_object_get(doc, "state"), &e.state);
	json_decref(doc);
	if (r == 0)
		*ret = e;
	secret_wipe(&e, sizeof(e));
	return r;
}

static int take_frame(uint8_t type, const uint8_t *body, size_t len, struct serve_event *ret)
{
	struct ipc_str text;
	struct ipc_end end;

	if (type == IPC_END && ipc_end_decode(body, len, &end) == 0) {
		*ret = (struct serve_event){ .ended = true };
		say_clean(ret->text, sizeof(ret->text), end.text.s, end.text.len);
		return 1;
	}
	if (type != IPC_DATA || ipc_data_decode(body, len, &text) != 0 ||
	    serve_event_parse(text.s, text.len, ret) < 0)
		return -EPROTO;
	return 1;
}

/* The first whole frame of the buffer, which is then taken out. */
static int next_event(struct serve_agent *a, struct serve_event *ret)
{
	uint8_t type;
	size_t len, all;
	int r;

	if (a->have < IPC_HEADER_LEN)
		return 0;
	r = ipc_header_decode(a->buf, IPC_BODY_MAX, &type, &len);
	if (r < 0)
		return -EPROTO;
	all = IPC_HEADER_LEN + len;
	if (a->have < all)
		return 0;
	r = take_frame(type, a->buf + IPC_HEADER_LEN, len, ret);
	memmove(a->buf, a->buf + all, a->have - all);
	secret_wipe(a->buf + a->have - all, all);
	a->have -= all;
	return r;
}

int serve_agent_read(struct serve_agent *a, struct serve_event *ret)
{
	int r = next_event(a, ret);
	ssize_t n;

	if (r != 0)
		return r;
	n = recv(a->fd, a->buf + a->have, sizeof(a->buf) - a->have, MSG_DONTWAIT);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	a->have += (size_t)n;
	return next_event(a, ret);
}

/* --- the test --- */

static bool is_used(const struct serving *s, uint16_t virt)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->ports[i].virt == virt)
			return true;
	}
	return false;
}

/* Nobody ever accepts there: that the kernel does is the answer. */
int serve_probe_open(struct serve_probe *p, const struct serving *s)
{
	struct addr_port any = { .addr = addr_v4(INADDR_LOOPBACK) };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&any, &ss);
	int r = 0;

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	if (bind(p->fd, (struct sockaddr *)&ss, len) != 0 || listen(p->fd, 4) != 0 ||
	    getsockname(p->fd, (struct sockaddr *)&ss, &len) != 0)
		r = -errno;
	if (r == 0)
		r = addr_from_sockaddr((struct sockaddr *)&ss, len, &p->at);
	do {
		if (getrandom(&p->virt, sizeof(p->virt), 0) != (ssize_t)sizeof(p->virt))
			r = -EIO;
		p->virt |= 0xc000;	/* the range that no server has for its own */
	} while (r == 0 && is_used(s, p->virt));
	if (r < 0)
		serve_probe_close(p);
	return r;
}

void serve_probe_close(struct serve_probe *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

int serve_test_start(const char *socket, const char *address, uint16_t port)
{
	static const char program[] = "onionify-serve";
	uint8_t frame[IPC_HEADER_LEN + IPC_REQUEST_MAX];
	struct ipc_open open = { .app_family = ADDR_V4, .pid = (uint32_t)getpid() };
	char domain[2 * sizeof(uint64_t) + 1];
	uint64_t token[2];
	int r, fd;

	/* A domain of its own: circuits that nobody has used. */
	if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token))
		return -EIO;
	(void)snprintf(domain, sizeof(domain), "%016llx", (unsigned long long)token[0]);
	open.handle = token[1];
	open.dest.port = port;
	open.name = (struct ipc_str){ address, strlen(address) };
	open.domain = (struct ipc_str){ domain, strlen(domain) };
	open.program = (struct ipc_str){ program, sizeof(program) - 1 };
	fd = launch_connect(socket);
	if (fd < 0)
		return fd;
	r = send_frame(fd, frame, ipc_open_encode(frame, sizeof(frame), &open));
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

int serve_test_finish(int fd)
{
	uint8_t frame[IPC_RESULT_LEN];
	uint32_t error = EPROTO;
	uint8_t type;
	size_t len;
	ssize_t n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(frame) && ipc_header_decode(frame, sizeof(frame), &type, &len) == 0 &&
	    type == IPC_RESULT)
		(void)ipc_result_decode(frame + IPC_HEADER_LEN, len, &error);
	(void)close(fd);
	return n == 0 ? -ECONNRESET : -(int)error;
}
