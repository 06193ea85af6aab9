/* SPDX-License-Identifier: BSD-3-Clause */
/* deputies.c - see deputies.h */
#include "shim/deputies.h"

#include <stddef.h>
#include <string.h>

#define ALWAYS "has a service outside do its work: that does not go through Tor"
#define RUNNING "may hand over to one that runs outside already: that does not go through Tor"

static const struct {
	const char *name;
	const char *note;
} known[] = {
	{ "at", ALWAYS },		{ "avahi-browse", ALWAYS },
	{ "avahi-resolve", ALWAYS },	{ "batch", ALWAYS },
	{ "busctl", ALWAYS },		{ "dbus-send", ALWAYS },
	{ "docker", ALWAYS },		{ "docker-compose", ALWAYS },
	{ "gdbus", ALWAYS },		{ "gnome-terminal", ALWAYS },
	{ "incus", ALWAYS },		{ "lxc", ALWAYS },
	{ "machinectl", ALWAYS },	{ "nmcli", ALWAYS },
	{ "resolvectl", ALWAYS },	{ "snap", ALWAYS },
	{ "systemd-resolve", ALWAYS },	{ "systemd-run", ALWAYS },
	{ "virsh", ALWAYS },		{ "adb", RUNNING },
	{ "bazel", RUNNING },		{ "gpg", RUNNING },
	{ "gradle", RUNNING },		{ "mvnd", RUNNING },
	{ "xdg-open", RUNNING },	{ "code-insiders", RUNNING },
	{ "chromium", RUNNING },	{ "code", RUNNING },
	{ "emacsclient", RUNNING },	{ "firefox", RUNNING },
	{ "firefox-esr", RUNNING },	{ "flatpak", RUNNING },
	{ "gio", RUNNING },		{ "google-chrome", RUNNING },
	{ "thunderbird", RUNNING },	{ "tmux", RUNNING },
	{ "x-www-browser", RUNNING },	{ "xfce4-terminal", RUNNING },
};

const char *deputies_note(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (slash)
		name = slash + 1;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].note;
	}
	return NULL;
}
