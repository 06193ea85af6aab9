/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll_table.c - see epoll_table.h */
#include "shim/epoll_table.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "shim/sys.h"

#define TABLE_SLOTS 16384	/* pairs of (set, descriptor); untouched pages cost nothing */
#define TABLE_PROBE 64		/* slots looked at for one descriptor */

struct slot {
	_Atomic uint64_t key;	/* 0: empty */
	_Atomic uint64_t data;
	_Atomic uint32_t events;
};

static struct slot table[TABLE_SLOTS];

static uint64_t make_key(int epfd, int fd)
{
	return ((uint64_t)(uint32_t)epfd << 32 | (uint32_t)fd) + 1;
}

static struct slot *slot_at(int fd, unsigned int i)
{
	return &table[((uint32_t)fd * 16u + i) % TABLE_SLOTS];
}

static struct slot *find(int epfd, int fd)
{
	uint64_t key = make_key(epfd, fd);

	for (unsigned int i = 0; i < TABLE_PROBE; i++) {
		struct slot *s = slot_at(fd, i);

		if (atomic_load(&s->key) == key)
			return s;
	}
	return NULL;
}

static struct slot *claim(int epfd, int fd)
{
	struct slot *s = find(epfd, fd);

	for (unsigned int i = 0; !s && i < TABLE_PROBE; i++) {
		uint64_t empty = 0;

		if (atomic_compare_exchange_strong(&slot_at(fd, i)->key, &empty, make_key(epfd, fd)))
			s = slot_at(fd, i);
	}
	if (!s) {
		s = slot_at(fd, (unsigned int)epfd % TABLE_PROBE);
		atomic_store(&s->key, make_key(epfd, fd));
	}
	return s;
}

void epoll_table_note(int epfd, int op, int fd, const struct epoll_event *ev)
{
	struct slot *s;

	if (op == EPOLL_CTL_DEL || !ev) {
		s = find(epfd, fd);
		if (s)
			atomic_store(&s->key, 0);
		return;
	}
	s = claim(epfd, fd);
	atomic_store_explicit(&s->data, ev->data.u64, memory_order_relaxed);
	atomic_store_explicit(&s->events, ev->events, memory_order_release);
}

void epoll_table_take(int fd, struct epoll_move *ret)
{
	struct epoll_event none = { 0 };

	ret->n = 0;
	for (unsigned int i = 0; i < TABLE_PROBE && ret->n < EPOLL_MOVE_MAX; i++) {
		struct slot *s = slot_at(fd, i);
		uint64_t key = atomic_load(&s->key);
		int epfd = (int)((key - 1) >> 32);

		if (key == 0 || (uint32_t)(key - 1) != (uint32_t)fd)
			continue;
		ret->set[ret->n].epfd = epfd;
		ret->set[ret->n].ev.data.u64 = atomic_load(&s->data);
		ret->set[ret->n].ev.events = atomic_load(&s->events);
		if (sys_call4(SYS_epoll_ctl, epfd, EPOLL_CTL_DEL, fd, &none) == 0)
			ret->n++;
		else
			atomic_store(&s->key, 0);
	}
}

void epoll_table_give(int fd, const struct epoll_move *move)
{
	for (int i = 0; i < move->n; i++) {
		struct epoll_event ev = move->set[i].ev;

		(void)sys_call4(SYS_epoll_ctl, move->set[i].epfd, EPOLL_CTL_ADD, fd, &ev);
	}
}
