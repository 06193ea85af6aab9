/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service.c - see service.h
 *
 * The agent cannot read the user's files (it is in a sandbox), so the key goes with the
 * request, and a new one comes with the answer. Files are tor's hs_ed25519_secret_key, or
 * hold "ED25519-V3:..." as tor's ADD_ONION has it.
 */
#include "agent/ctl/service.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ask.h"
#include "agent/ctl/ctl_format.h"
#include "agent/ctl/show.h"
#include "common/codec.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/secret.h"

#define KEY_PREFIX "ED25519-V3:"
#define HEADER_LEN 32
#define SECRET_LEN 64
#define FILE_MAX 256
#define KEY_TEXT_MAX (sizeof(KEY_PREFIX) + CODEC_BASE64_LEN(SECRET_LEN))

static const char header[HEADER_LEN] = "== ed25519v1-secret: type0 ==";

struct job {
	const struct service_add *add;
	bool json;
	bool wants_key;	/* a new one, to be written to the file */
	bool shown;
	char line[IPC_REQUEST_MAX];
};

/* What is in the file, as the agent takes it. 0 or an exit status. */
static int key_text(const char *path, const char *data, size_t len, char out[KEY_TEXT_MAX])
{
	/* What is compared is public: headers. */
	if (len == HEADER_LEN + SECRET_LEN && memcmp(data, header, HEADER_LEN) == 0) {
		memcpy(out, KEY_PREFIX, sizeof(KEY_PREFIX));
		codec_base64_encode(out + strlen(KEY_PREFIX), data + HEADER_LEN, SECRET_LEN, 1);
		return 0;
	}
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r' || data[len - 1] == ' '))
		len--;
	if (len >= KEY_TEXT_MAX || len < strlen(KEY_PREFIX) ||
	    strncmp(data, KEY_PREFIX, strlen(KEY_PREFIX)) != 0 || memchr(data, ' ', len) ||
	    memchr(data, '\0', len)) {
		fprintf(stderr, "onionctl: %s holds no key of an onion service\n", path);
		return ASK_FAILED;
	}
	memcpy(out, data, len);
	out[len] = '\0';
	return 0;
}

static int append(struct job *job, const char *word)
{
	size_t used = strlen(job->line);
	int n = snprintf(job->line + used, sizeof(job->line) - used, " %s", word);

	if (n < 0 || (size_t)n >= sizeof(job->line) - used || strpbrk(word, " \t\n")) {
		fprintf(stderr, "onionctl: bad argument, or too many\n");
		return ASK_USAGE;
	}
	return 0;
}

/* The key's word: from the file, or the wish for a new one. */
static int append_key(struct job *job)
{
	const char *path = job->add->key_file;
	char word[4 + KEY_TEXT_MAX] = "key=";
	char *data = NULL;
	size_t len = 0;
	int r = file_read(path, FILE_MAX, &data, &len);

	if (r == -ENOENT) {
		job->wants_key = true;
		return append(job, "show-key");
	}
	if (r < 0) {
		fprintf(stderr, "onionctl: %s: %s\n", path, strerror(-r));
		return ASK_FAILED;
	}
	r = key_text(path, data, len, word + 4);
	if (r == 0)
		r = append(job, word);
	secret_wipe(data, len);
	secret_wipe(word, sizeof(word));
	free(data);
	return r;
}

/* The new key, in tor's format. 0 or an exit status. */
static int write_key(const struct job *job, const json_t *doc)
{
	const char *text = ctl_text(doc, "key");
	uint8_t file[HEADER_LEN + SECRET_LEN + 3];
	ssize_t n = -EINVAL;
	int r;

	memcpy(file, header, HEADER_LEN);
	if (strncmp(text, KEY_PREFIX, strlen(KEY_PREFIX)) == 0)
		n = codec_base64_decode(file + HEADER_LEN, SECRET_LEN + 3, text + strlen(KEY_PREFIX),
					strlen(text) - strlen(KEY_PREFIX));
	r = n == SECRET_LEN ? file_write_atomic(job->add->key_file, file, HEADER_LEN + SECRET_LEN)
			    : -EPROTO;
	secret_wipe(file, sizeof(file));
	if (r == 0)
		return 0;
	fprintf(stderr, "onionctl: the key was not written to %s: %s\n", job->add->key_file,
		strerror(-r));
	return ASK_FAILED;
}

static void show(struct job *job, json_t *doc)
{
	(void)json_object_del(doc, "key");
	if (job->json)
		(void)json_dumpf(doc, stdout, JSON_COMPACT);
	else if (!job->shown)
		printf("%s", ctl_text(doc, "address"));
	else
		fprintf(stderr, "onionctl: %s", ctl_text(doc, "state"));
	fputc('\n', job->json || !job->shown ? stdout : stderr);
	(void)fflush(stdout);
	job->shown = true;
}

static int on_document(void *ctx, const char *text)
{
	struct job *job = ctx;
	json_t *doc = json_loads(text, 0, NULL);
	int r = doc ? 0 : -EPROTO;

	if (r == 0 && job->wants_key && !job->shown)
		r = write_key(job, doc) == 0 ? 0 : -EIO;
	if (r == 0)
		show(job, doc);
	json_decref(doc);
	return r;
}

int service_add_run(char **words, int n, const struct service_add *add, bool json, int timeout_s)
{
	struct job job = { .add = add, .json = json, .line = "service add" };
	struct ask_reply reply = { 0 };
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = append(&job, words[i]);
	if (r == 0 && add->key_file)
		r = append_key(&job);
	if (r == 0 && add->foreground)
		r = append(&job, "bound");
	if (r == 0 && add->foreground)
		r = ask_follow(job.line, on_document, &job, &reply);
	else if (r == 0)
		r = ask(job.line, timeout_s, &reply);
	secret_wipe(job.line, sizeof(job.line));
	if (r == 0 && !add->foreground)
		r = on_document(&job, reply.json) < 0 ? ASK_FAILED : 0;
	else if (r != 0 && reply.message[0])
		fprintf(stderr, "onionctl: %s\n", reply.message);
	ask_reply_deinit(&reply);
	return r;
}
