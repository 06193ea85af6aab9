/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * landlock.h - a second fence behind the filter
 *
 * Under a supervisor no process of a command connects a TCP socket by itself: that is
 * done on its behalf. So it may not, from Linux 6.7 on, whatever way it finds past
 * the filter: a descriptor that is exchanged while the supervisor looks at it, or a
 * kernel interface that the filter does not know.
 *
 * The price: Linux lets nobody in here trace processes that are not, nor look into
 * what takes the same right (/proc/PID/exe, fd, environ of processes outside).
 */
#ifndef SHIM_LANDLOCK_H
#define SHIM_LANDLOCK_H

/* For this process and all that come from it, after no_new_privs. 0 or -errno. */
int landlock_forbid_connect(void);

#endif
