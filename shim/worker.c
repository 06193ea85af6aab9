/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.c - see worker.h */
#include "shim/worker.h"

#include <pthread.h>

#define STACK 131072	/* there may be a thousand; only what is touched takes memory */

int worker_start(void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&thread, &attr, run, arg);
	(void)pthread_attr_destroy(&attr);
	return -r;
}
