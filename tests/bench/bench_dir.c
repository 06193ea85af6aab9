/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_dir.c - what a network of 9000 relays costs, one line per metric
 *
 * A cache folder is written, loaded as at the start of the agent, and replaced by
 * the next consensus. Processor seconds and bytes of heap.
 *
 *	bench_dir write DIR
 *
 * only writes such a network: our cache into DIR/ours, the same documents as tor keeps
 * them into DIR/tor, and DIR/authorities, lines for either's configuration.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/codec.h"
#include "common/log.h"
#include "dirclient/dirclient_internal.h"
#include "tests/support/testdir.h"

#define N_RELAYS 9000
#define N_AUTHORITIES 9

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double heap_mb(void)
{
	struct mallinfo2 m = mallinfo2();

	return (double)(m.uordblks + m.hblkhd) / 1048576.0;
}

static int no_path(void *agent, const struct dir_source *source, struct dir_connection *ret)
{
	(void)agent;
	(void)source;
	(void)ret;
	return -EAGAIN;
}

static void ignore_result(void *agent, uint64_t cookie, bool good)
{
	(void)agent;
	(void)cookie;
	(void)good;
}

static void ignore_progress(void *agent, const struct dir_progress *progress)
{
	(void)agent;
	(void)progress;
}

static void ignore_netdir(void *agent, const struct netdir *nd)
{
	(void)agent;
	(void)nd;
}

static void write_cache(const struct testdir *td, const char *dir, const struct testdir_doc *doc)
{
	struct dir_cache *c = dir_cache_new(dir);
	size_t len;
	char *text = testdir_consensus(td, doc, &len);

	dir_cache_open_journal(c, NULL, NULL);
	dir_cache_store(c, DIR_CACHE_CONSENSUS, text, len);
	free(text);
	text = testdir_certs(td, doc->valid_after - 86400, &len);
	dir_cache_store(c, DIR_CACHE_CERTIFICATES, text, len);
	free(text);
	for (size_t i = 0; i < N_RELAYS; i++) {
		uint8_t digest[32];
		const char *md = testdir_microdesc(td, i, &len, digest);

		dir_cache_add(c, digest, md, len, doc->valid_after);
	}
	dir_cache_free(c);
}

static void measure(struct testdir *td, const char *dir)
{
	static const struct dir_ops ops = {no_path, ignore_result, ignore_progress, ignore_netdir};
	struct testdir_doc doc = {.valid_after = time(NULL) - 120};
	struct dir_config config = {.authorities = testdir_authorities(td),
				    .n_authorities = N_AUTHORITIES,
				    .cache_dir = dir};
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct dirclient *dc;
	struct loop loop;
	double heap, cpu;
	size_t len;
	char *text;

	write_cache(td, dir, &doc);
	doc.valid_after += 60;
	text = testdir_consensus(td, &doc, &len);
	loop_init(&loop, ev);
	heap = heap_mb();
	cpu = cpu_seconds();
	dc = dirclient_new(&loop, &config, &ops, NULL);
	dirclient_start(dc);
	printf("dir_load_9000_cpu_s %.3f\n", cpu_seconds() - cpu);
	printf("dir_heap_9000_mb %.2f\n", heap_mb() - heap);
	cpu = cpu_seconds();
	if (!dirclient_netdir(dc) || dc_take_consensus(dc, text, len, false) != DC_TAKEN)
		fprintf(stderr, "bench_dir: the network was not taken\n");
	printf("dir_refresh_9000_cpu_s %.3f\n", cpu_seconds() - cpu);
	dirclient_free(dc);
	loop_deinit(&loop);
	ev_loop_destroy(ev);
	free(text);
}

/* --- the same for tor --- */

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

static void finish(FILE *f)
{
	if (fflush(f) != 0 || fclose(f) != 0) {
		perror("bench_dir: write");
		exit(1);
	}
}

static void write_text(const char *dir, const char *name, char *text, size_t len)
{
	FILE *f = create(dir, name);

	fwrite(text, 1, len, f);
	finish(f);
	free(text);
}

/* In the files and with the annotations of tor's client. */
static void write_for_tor(const struct testdir *td, const char *dir, const struct testdir_doc *doc)
{
	FILE *f = create(dir, "cached-microdescs");
	size_t len;
	char *text = testdir_consensus(td, doc, &len);

	write_text(dir, "cached-microdesc-consensus", text, len);
	text = testdir_certs(td, doc->valid_after - 86400, &len);
	write_text(dir, "cached-certs", text, len);
	for (size_t i = 0; i < N_RELAYS; i++) {
		uint8_t digest[32];
		struct tm tm;
		char when[32];

		text = (char *)(uintptr_t)testdir_microdesc(td, i, &len, digest);
		gmtime_r(&doc->valid_after, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
		fprintf(f, "@last-listed %s\n%.*s", when, (int)len, text);
	}
	finish(f);
}

static void write_authorities(const struct testdir *td, const char *dir)
{
	FILE *f = create(dir, "authorities");

	for (unsigned int i = 0; i < N_AUTHORITIES; i++) {
		const struct dir_authority *a = &testdir_authorities(td)[i];
		char ident[CODEC_HEX_LEN(RSA_ID_LEN)], id[CODEC_HEX_LEN(RSA_ID_LEN)];

		codec_hex_encode(ident, a->v3ident, RSA_ID_LEN);
		codec_hex_encode(id, a->relay.rsa_id, RSA_ID_LEN);
		fprintf(f, "DirAuthority %s orport=%u v3ident=%s 127.0.0.1:7000 %s\n", a->nickname,
			(unsigned int)(5000 + i), ident, id);
	}
	finish(f);
}

static int write_all(const char *dir)
{
	struct testdir *td = testdir_new(N_AUTHORITIES, N_RELAYS, 2048);
	struct testdir_doc doc = {.valid_after = time(NULL) - 120};
	char ours[4096], theirs[4096];

	snprintf(ours, sizeof(ours), "%s/ours", dir);
	snprintf(theirs, sizeof(theirs), "%s/tor", dir);
	if (mkdir(ours, 0700) < 0 || mkdir(theirs, 0700) < 0) {
		perror(dir);
		return 1;
	}
	write_cache(td, ours, &doc);
	write_for_tor(td, theirs, &doc);
	write_authorities(td, dir);
	testdir_free(td);
	return 0;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/onionify-bench-XXXXXX";
	char cmd[64];
	struct testdir *td;

	log_set_level(LOG_ERROR);
	if (argc == 3 && strcmp(argv[1], "write") == 0)
		return write_all(argv[2]);
	if (!mkdtemp(dir))
		return 1;
	td = testdir_new(N_AUTHORITIES, N_RELAYS, 2048);
	measure(td, dir);
	testdir_free(td);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd) == 0 ? 0 : 1;
}
