/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir_cache.c - see dir_cache.h
 *
 * The journal is a line of magic and then records of
 *	u32 length of the text, u32 last listed (hours since 1970), 32 bytes SHA-256,
 *	the text
 * in big-endian order. A crash may leave the last record incomplete: it is cut
 * off. When a record was last listed is kept up to date in memory and reaches the
 * disk when the journal is rewritten, at most a day late.
 *
 * Nothing here waits for the disk: what a crash of the system damages does not match
 * its digest or signature when it is read, is set aside and fetched again.
 */
#include "dirclient/dir_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/file.h"
#include "common/log.h"
#include "common/wire.h"
#include "dirclient/dir_index.h"
#include "dirclient/microdesc.h"

#define MAGIC "onionify-microdescs 1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define HEAD_LEN (4 + 4 + 32)
#define BUFFER_MAX (1024 * 1024)
#define COMPACT_EVERY_S (24 * 3600)
#define COMPACT_WASTE_MIN (512 * 1024)

struct dir_cache {
	char *dir;		/* NULL: nothing is kept */
	int fd;			/* journal, -1: not open */
	uint32_t size;		/* bytes in it, buffered ones included */
	uint8_t *buffer;	/* records not written yet */
	size_t buffered;
	struct dir_index index;
	time_t compacted;
};

static const char *const names[] = {
	[DIR_CACHE_CONSENSUS] = "consensus-microdesc",
	[DIR_CACHE_CERTIFICATES] = "certificates",
	[DIR_CACHE_MICRODESCS] = "microdescriptors",
};

static char *path_of(const struct dir_cache *c, enum dir_cache_file file)
{
	char *path;

	return asprintf(&path, "%s/%s", c->dir, names[file]) < 0 ? NULL : path;
}

/* --- whole files --- */

struct dir_cache *dir_cache_new(const char *dir)
{
	struct dir_cache *c = calloc(1, sizeof(*c));
	char err[256];

	if (!c)
		return NULL;
	c->fd = -1;
	dir_index_init(&c->index);
	if (!dir)
		return c;
	if (file_private_dir(dir, err, sizeof(err))) {
		log_warn("dir: no directory cache: %s", err);
		return c;
	}
	c->dir = strdup(dir);
	if (!c->dir) {
		free(c);
		return NULL;
	}
	return c;
}

void dir_cache_free(struct dir_cache *c)
{
	if (!c)
		return;
	dir_cache_flush(c);
	if (c->fd >= 0)
		close(c->fd);
	free(c->buffer);
	dir_index_deinit(&c->index);
	free(c->dir);
	free(c);
}

int dir_cache_load(struct dir_cache *c, enum dir_cache_file file, size_t max, char **ret_text,
		   size_t *ret_len)
{
	char *path = c->dir ? path_of(c, file) : NULL;
	int err = path ? file_read(path, max, ret_text, ret_len) : -ENOENT;

	free(path);
	if (err && err != -ENOENT)
		dir_cache_spoiled(c, file, strerror(-err));
	return err;
}

void dir_cache_store(struct dir_cache *c, enum dir_cache_file file, const char *text, size_t len)
{
	char *path = c->dir ? path_of(c, file) : NULL;
	int err;

	if (!path)
		return;
	err = file_write_cached(path, text, len);
	if (err)
		log_warn_limited("dir: cannot write %s: %s", path, strerror(-err));
	free(path);
}

void dir_cache_spoiled(struct dir_cache *c, enum dir_cache_file file, const char *why)
{
	char *path = c->dir ? path_of(c, file) : NULL;

	if (!path)
		return;
	log_warn("dir: %s is damaged (%s): set aside, will be fetched again", path, why);
	if (file_set_aside(path))
		(void)unlink(path);
	free(path);
}

/* --- the journal --- */

static uint32_t hours(time_t wall)
{
	return wall > 0 ? (uint32_t)(wall / 3600) : 0;
}

/* Gives up on the journal for this run: memory serves, the network refills. */
static void journal_close(struct dir_cache *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->buffered = 0;
	dir_index_clear(&c->index);
}

static int journal_open_fd(struct dir_cache *c)
{
	char *path = path_of(c, DIR_CACHE_MICRODESCS);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	free(path);
	if (fd < 0)
		return -errno;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = fd;
	return 0;
}

static int write_at(int fd, const void *data, size_t len, off_t at)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

struct scan {
	size_t pos;		/* behind the last whole record */
	bool damaged;		/* something is wrong that a crash does not explain */
};

/* Indexes and shows all good records of the journal's bytes. */
static struct scan scan_journal(struct dir_cache *c, const char *data, size_t len,
				dir_cache_visit_fn visit, void *ctx)
{
	struct scan s = {MAGIC_LEN, false};

	while (len - s.pos >= HEAD_LEN) {
		const uint8_t *head = (const uint8_t *)data + s.pos;
		uint32_t n = wire_u32_at(head);
		const char *text = data + s.pos + HEAD_LEN;
		uint8_t digest[32];

		if (n == 0 || n > MICRODESC_TEXT_MAX) {
			s.damaged = true;
			return s;
		}
		if (n > len - s.pos - HEAD_LEN)
			return s;
		crypto_sha256(digest, text, n);
		if (memcmp(digest, head + 8, 32) != 0) {
			s.damaged = true;
		} else if (!dir_index_find(&c->index, digest)) {
			if (dir_index_add(&c->index, digest, (uint32_t)(s.pos + HEAD_LEN), n,
				      wire_u32_at(head + 4)))
				return s;
			if (visit)
				visit(ctx, digest, text, n);
		}
		s.pos += HEAD_LEN + n;
	}
	return s;
}

/* Packs the indexed records of @data to its front, oldest first; the new length. */
static size_t pack_records(struct dir_cache *c, char *data)
{
	size_t at = MAGIC_LEN;

	memcpy(data, MAGIC, MAGIC_LEN);
	for (size_t i = 0; i < c->index.n; i++) {
		struct dir_record *r = &c->index.records[i];
		uint8_t *head = (uint8_t *)data + at;

		/* Records only move towards the front: text first, the head may overlap it. */
		memmove(data + at + HEAD_LEN, data + r->offset, r->len);
		wire_u32_to(head, r->len);
		wire_u32_to(head + 4, r->listed_h);
		memcpy(head + 8, r->digest, 32);
		r->offset = (uint32_t)(at + HEAD_LEN);
		at += HEAD_LEN + r->len;
	}
	return at;
}

static int rewrite(struct dir_cache *c, char *data)
{
	size_t len = pack_records(c, data);
	char *path = path_of(c, DIR_CACHE_MICRODESCS);
	int err = path ? file_write_cached(path, data, len) : -ENOMEM;

	free(path);
	if (!err)
		err = journal_open_fd(c);
	if (err) {
		log_warn_limited("dir: cannot rewrite the microdescriptor cache: %s", strerror(-err));
		journal_close(c);
		return err;
	}
	c->size = (uint32_t)len;
	return 0;
}

static void start_empty(struct dir_cache *c)
{
	int err;

	dir_index_clear(&c->index);
	err = journal_open_fd(c);
	if (!err && ftruncate(c->fd, 0))
		err = -errno;
	if (!err)
		err = write_at(c->fd, MAGIC, MAGIC_LEN, 0);
	c->size = MAGIC_LEN;
	if (err) {
		log_warn("dir: microdescriptors are not cached: %s", strerror(-err));
		journal_close(c);
	}
}

static void adopt(struct dir_cache *c, char *data, size_t len, dir_cache_visit_fn visit, void *ctx)
{
	struct scan s;

	if (len < MAGIC_LEN || memcmp(data, MAGIC, MAGIC_LEN) != 0) {
		dir_cache_spoiled(c, DIR_CACHE_MICRODESCS, "not a file of this program");
		start_empty(c);
		return;
	}
	s = scan_journal(c, data, len, visit, ctx);
	if (s.damaged) {
		dir_cache_spoiled(c, DIR_CACHE_MICRODESCS, "a record does not match its digest");
		(void)rewrite(c, data);
		return;
	}
	if (journal_open_fd(c)) {
		journal_close(c);
		return;
	}
	if (s.pos < len) {
		log_info("dir: cut %zu bytes of an unfinished record off the cache", len - s.pos);
		if (ftruncate(c->fd, (off_t)s.pos)) {
			journal_close(c);
			return;
		}
	}
	c->size = (uint32_t)s.pos;
}

void dir_cache_open_journal(struct dir_cache *c, dir_cache_visit_fn visit, void *ctx)
{
	char *data;
	size_t len;

	if (!c->dir)
		return;
	if (dir_cache_load(c, DIR_CACHE_MICRODESCS, DIR_CACHE_JOURNAL_MAX, &data, &len)) {
		start_empty(c);
		return;
	}
	adopt(c, data, len, visit, ctx);
	free(data);
}

void dir_cache_flush(struct dir_cache *c)
{
	int err;

	if (c->fd < 0 || c->buffered == 0)
		return;
	err = write_at(c->fd, c->buffer, c->buffered, (off_t)(c->size - c->buffered));
	if (err) {
		log_warn_limited("dir: cannot write to the microdescriptor cache: %s",
				 strerror(-err));
		if (ftruncate(c->fd, (off_t)(c->size - c->buffered)))
			log_debug("dir: nor cut it back");
		journal_close(c);
		return;
	}
	c->buffered = 0;
}

void dir_cache_add(struct dir_cache *c, const uint8_t digest[32], const char *text, size_t len,
		   time_t wall)
{
	uint8_t *head;

	if (c->fd < 0 || len == 0 || len > MICRODESC_TEXT_MAX || dir_index_find(&c->index, digest) ||
	    c->size + HEAD_LEN + len > DIR_CACHE_JOURNAL_MAX)
		return;
	if (!c->buffer)
		c->buffer = malloc(BUFFER_MAX);
	if (!c->buffer)
		return;
	if (c->buffered + HEAD_LEN + len > BUFFER_MAX)
		dir_cache_flush(c);
	if (c->fd < 0 || dir_index_add(&c->index, digest, c->size + HEAD_LEN, len, hours(wall)))
		return;
	head = c->buffer + c->buffered;
	wire_u32_to(head, (uint32_t)len);
	wire_u32_to(head + 4, hours(wall));
	memcpy(head + 8, digest, 32);
	memcpy(head + HEAD_LEN, text, len);
	c->buffered += HEAD_LEN + len;
	c->size += (uint32_t)(HEAD_LEN + len);
}

int dir_cache_get(struct dir_cache *c, const uint8_t digest[32], char **ret_text, size_t *ret_len)
{
	const struct dir_record *r;
	uint8_t check[32];
	char *text;
	ssize_t n;

	dir_cache_flush(c);
	r = dir_index_find(&c->index, digest);
	if (c->fd < 0 || !r)
		return -ENOENT;
	text = malloc((size_t)r->len + 1);
	if (!text)
		return -ENOMEM;
	n = pread(c->fd, text, r->len, r->offset);
	if (n == (ssize_t)r->len)
		crypto_sha256(check, text, r->len);
	if (n != (ssize_t)r->len || memcmp(check, digest, 32) != 0) {
		free(text);
		return -EIO;
	}
	text[n] = '\0';
	*ret_text = text;
	*ret_len = (size_t)n;
	return 0;
}

void dir_cache_mark(struct dir_cache *c, const uint8_t digest[32], time_t wall)
{
	struct dir_record *r = dir_index_find(&c->index, digest);

	if (r && r->listed_h < hours(wall))
		r->listed_h = hours(wall);
}

/* What was not listed since then has expired. */
static uint32_t oldest_hour(time_t wall)
{
	return wall > DIR_CACHE_KEEP_S ? hours(wall - DIR_CACHE_KEEP_S) : 0;
}

void dir_cache_compact(struct dir_cache *c, time_t wall)
{
	size_t waste = 0;
	char *data;
	size_t len;

	dir_cache_flush(c);
	if (c->fd < 0)
		return;
	for (size_t i = 0; i < c->index.n; i++)
		if (c->index.records[i].listed_h < oldest_hour(wall))
			waste += c->index.records[i].len + HEAD_LEN;
	if (c->compacted == 0)
		c->compacted = wall;
	/* A clock that was set back must not put this off for ever. */
	if (waste < COMPACT_WASTE_MIN && wall >= c->compacted && wall - c->compacted < COMPACT_EVERY_S)
		return;
	c->compacted = wall;
	if (dir_cache_load(c, DIR_CACHE_MICRODESCS, DIR_CACHE_JOURNAL_MAX, &data, &len)) {
		journal_close(c);
		return;
	}
	if (len == c->size) {
		dir_index_keep(&c->index, oldest_hour(wall));
		(void)rewrite(c, data);
	} else {
		journal_close(c);	/* somebody else writes to it */
	}
	free(data);
}

size_t dir_cache_n_records(const struct dir_cache *c)
{
	return c->index.n;
}
