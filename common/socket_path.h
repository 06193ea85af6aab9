/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * socket_path.h - where the agent's socket is, for every part that needs to know
 *
 * The agent, onionctl, onionify-run and the shim must agree without talking, so
 * all of them ask here. No malloc, no stdio: the shim calls this inside connect().
 */
#ifndef COMMON_SOCKET_PATH_H
#define COMMON_SOCKET_PATH_H

#include <stddef.h>

/* sun_path with its NUL. */
#define SOCKET_PATH_MAX 108

/**
 * socket_path_default() - The path of this user's agent socket
 * @out:	Filled with the absolute path, NUL-terminated
 * @cap:	Room in @out; SOCKET_PATH_MAX is always enough
 *
 * $ONIONIFY_SOCKET when set; else $XDG_RUNTIME_DIR/onionify/agent.sock when that
 * directory exists and is ours (after su it may name another user's); else
 * /tmp/onionify-UID/agent.sock. Creates and checks nothing else.
 *
 * Return: 0, -EINVAL ($ONIONIFY_SOCKET is not absolute), -ENAMETOOLONG
 */
int socket_path_default(char *out, size_t cap);

/**
 * socket_path_check_dir() - May the directory that holds the socket be trusted?
 * @path:	The socket's path
 *
 * It must be a real directory (no symbolic link), ours, and closed to everyone
 * else. Ask before connecting: whoever owns it could put a listener of his own there.
 *
 * Return: 0, -ENOENT and other errors of lstat(), -ENOTDIR, -EPERM (owner or
 * mode), -EINVAL, -ENAMETOOLONG
 */
int socket_path_check_dir(const char *path);

#endif
