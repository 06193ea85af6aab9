/* SPDX-License-Identifier: BSD-3-Clause */
/* top_ask.c - see top_ask.h */
#include "agent/ctl/top_ask.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/ctl/ask.h"
#include "common/deadline.h"

#define COMMAND_MAX 64

enum asker_state {
	ASKER_IDLE,
	ASKER_ASKED,	/* the thread has a question */
	ASKER_ANSWERED,	/* and has written its answer */
	ASKER_ENDED,
};

struct top_asker {
	int timeout_s;
	int event;
	pthread_t thread;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t changed;
	enum asker_state state;
	int64_t asked_ms;
	char line[COMMAND_MAX];
	char done[TOP_NOTE_MAX];
	struct top_news news;
};

/* The member @name of the answer to @name, a new reference; NULL and a note: none. */
static json_t *ask_list(const char *name, int timeout_s, struct top_news *news)
{
	char err[1024] = "";
	json_t *doc = NULL;
	json_t *list;

	news->result = ask_json(name, timeout_s, &doc, err, sizeof(err));
	if (news->result != 0) {
		(void)snprintf(news->note, sizeof(news->note), "%.*s", TOP_NOTE_MAX - 1, err);
		return NULL;
	}
	if (strcmp(name, "status") == 0)
		return doc;
	list = json_incref(json_object_get(doc, name));
	json_decref(doc);
	return list;
}

static void forget(struct top_news *news)
{
	json_decref(news->status);
	json_decref(news->circuits);
	json_decref(news->streams);
	news->status = news->circuits = news->streams = NULL;
}

/* Blocks for as long as the agent takes. */
static void ask_all(const char *line, const char *done, int timeout_s, struct top_news *news)
{
	char err[1024] = "";
	json_t *doc = NULL;

	memset(news, 0, sizeof(*news));
	if (line[0]) {
		bool ok = ask_json(line, timeout_s, &doc, err, sizeof(err)) == 0;

		(void)snprintf(news->note, sizeof(news->note), "%.*s", TOP_NOTE_MAX - 1,
			       ok ? done : err);
		json_decref(doc);
	}
	news->status = ask_list("status", timeout_s, news);
	if (news->result == 0)
		news->circuits = ask_list("circuits", timeout_s, news);
	if (news->result == 0)
		news->streams = ask_list("streams", timeout_s, news);
	if (!news->status || !news->circuits || !news->streams)
		forget(news);
}

static void *run(void *arg)
{
	struct top_asker *a = arg;
	char line[COMMAND_MAX], done[TOP_NOTE_MAX];
	struct top_news news;

	(void)pthread_mutex_lock(&a->lock);
	for (;;) {
		while (a->state == ASKER_IDLE || a->state == ASKER_ANSWERED)
			(void)pthread_cond_wait(&a->changed, &a->lock);
		if (a->state == ASKER_ENDED)
			break;
		memcpy(line, a->line, sizeof(line));
		memcpy(done, a->done, sizeof(done));
		(void)pthread_mutex_unlock(&a->lock);
		ask_all(line, done, a->timeout_s, &news);
		(void)pthread_mutex_lock(&a->lock);
		if (a->state == ASKER_ENDED) {
			forget(&news);
			break;
		}
		a->news = news;
		a->state = ASKER_ANSWERED;
		(void)eventfd_write(a->event, 1);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return NULL;
}

struct top_asker *top_asker_new(int timeout_s)
{
	struct top_asker *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->timeout_s = timeout_s;
	a->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&a->lock, NULL);
	(void)pthread_cond_init(&a->changed, NULL);
	if (a->event >= 0 && pthread_create(&a->thread, NULL, run, a) == 0)
		return a;
	if (a->event >= 0)
		close(a->event);
	free(a);
	return NULL;
}

int top_asker_fd(const struct top_asker *a)
{
	return a->event;
}

bool top_asker_ask(struct top_asker *a, const char *line, const char *done)
{
	bool idle;

	(void)pthread_mutex_lock(&a->lock);
	idle = a->state == ASKER_IDLE;
	if (idle) {
		(void)snprintf(a->line, sizeof(a->line), "%s", line);
		(void)snprintf(a->done, sizeof(a->done), "%s", done);
		a->state = ASKER_ASKED;
		a->asked_ms = deadline_now_ms();
		(void)pthread_cond_signal(&a->changed);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return idle;
}

bool top_asker_take(struct top_asker *a, struct top_news *ret)
{
	eventfd_t n;
	bool there;

	(void)eventfd_read(a->event, &n);
	(void)pthread_mutex_lock(&a->lock);
	there = a->state == ASKER_ANSWERED;
	if (there) {
		*ret = a->news;
		a->state = ASKER_IDLE;
	}
	(void)pthread_mutex_unlock(&a->lock);
	return there;
}

int64_t top_asker_waits_ms(struct top_asker *a)
{
	int64_t ms;

	(void)pthread_mutex_lock(&a->lock);
	ms = a->state == ASKER_ASKED ? deadline_now_ms() - a->asked_ms : 0;
	(void)pthread_mutex_unlock(&a->lock);
	return ms;
}

void top_asker_end(struct top_asker *a)
{
	bool busy;

	(void)pthread_mutex_lock(&a->lock);
	busy = a->state == ASKER_ASKED;
	if (a->state == ASKER_ANSWERED)
		forget(&a->news);
	a->state = ASKER_ENDED;
	(void)pthread_cond_signal(&a->changed);
	(void)pthread_mutex_unlock(&a->lock);
	if (busy)
		return;	/* it may wait for seconds yet; nobody waits for it */
	(void)pthread_join(a->thread, NULL);
	close(a->event);
	free(a);
}
