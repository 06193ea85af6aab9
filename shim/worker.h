/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.h - the supervisor's threads: each does one thing and is then gone */
#ifndef SHIM_WORKER_H
#define SHIM_WORKER_H

/* Runs @run(@arg) in a thread that nobody waits for; small stack. 0 or -errno. */
int worker_start(void *(*run)(void *arg), void *arg);

#endif
