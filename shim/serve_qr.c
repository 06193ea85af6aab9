/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve_qr.c - see serve.h: an address that a telephone can read from the terminal
 *
 * Two rows of modules a line, as half blocks where the terminal speaks UTF-8, else two
 * columns a module. Colours are set for the whole of it, since a code must be dark on
 * light whatever the terminal's own are.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shim/serve.h"

#ifdef HAVE_QRENCODE
#include <qrencode.h>

#define QUIET 4		/* light modules around it: part of the code */
#define BLACK_ON_WHITE "\033[30;107m"
#define WHITE_ON_BLACK "\033[97;40m"
#define PLAIN "\033[0m"

static bool is_dark(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return false;
	return code->data[y * code->width + x] & 1;
}

/* Upper and lower half of one character. */
static const char *half_block(bool upper, bool lower)
{
	if (upper)
		return lower ? "\xe2\x96\x88" : "\xe2\x96\x80";
	return lower ? "\xe2\x96\x84" : " ";
}

static void draw_halves(FILE *out, const QRcode *code)
{
	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		(void)fputs(BLACK_ON_WHITE, out);
		for (int x = -QUIET; x < code->width + QUIET; x++)
			(void)fputs(half_block(is_dark(code, x, y), is_dark(code, x, y + 1)), out);
		(void)fputs(PLAIN "\n", out);
	}
}

static void draw_whole(FILE *out, const QRcode *code)
{
	for (int y = -QUIET; y < code->width + QUIET; y++) {
		for (int x = -QUIET; x < code->width + QUIET; x++) {
			(void)fputs(is_dark(code, x, y) ? WHITE_ON_BLACK : BLACK_ON_WHITE, out);
			(void)fputs("  ", out);
		}
		(void)fputs(PLAIN "\n", out);
	}
}

static int columns_of(int fd)
{
	struct winsize size = { 0 };

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool serve_qr_print(int fd, const char *text)
{
	bool utf8, drawn = false;
	QRcode *code;
	FILE *out;
	int width;

	if (!isatty(fd))
		return false;
	(void)setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	out = code ? fdopen(dup(fd), "w") : NULL;
	if (out) {
		width = code->width + 2 * QUIET;
		drawn = columns_of(fd) >= (utf8 ? width : 2 * width);
		if (drawn && utf8)
			draw_halves(out, code);
		else if (drawn)
			draw_whole(out, code);
		(void)fclose(out);
	}
	if (code)
		QRcode_free(code);
	return drawn;
}

#else

bool serve_qr_print(int fd, const char *text)
{
	(void)fd;
	(void)text;
	return false;
}

#endif
