/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deputies.h - commands that have somebody outside do what is asked of them
 *
 * They talk to a service over a Unix socket, which is local and allowed, and the service,
 * which runs outside of onionify, uses the network as ever. Nobody can tell such a request
 * from others, but the usual commands are known by name, and the user is told.
 */
#ifndef SHIM_DEPUTIES_H
#define SHIM_DEPUTIES_H

/* What to say of command @name (a path or not), after its name; NULL: nothing. */
const char *deputies_note(const char *name);

#endif
