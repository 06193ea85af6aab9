#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# onionify - run a command with all of its network traffic inside Tor
#
# Finds the checkout that this script belongs to, or the folder beside the one that it was
# put in, and hands over. "make install" needs no script: its onionify is a link.
set -eu

fail() {
	printf 'onionify: %s\n' "$1" >&2
	exit 125
}

# The script itself, through any symbolic links.
self=$0
case $self in
*/*) ;;
*)
	if [ -e "./$self" ]; then
		self=./$self
	else
		self=$(command -v -- "$self") || fail "cannot find myself"
	fi
	;;
esac
while [ -L "$self" ]; do
	target=$(readlink -- "$self") || fail "cannot read the link $self"
	case $target in
	/*) self=$target ;;
	*) self=${self%/*}/$target ;;
	esac
done
here=${self%/*}

# No subshell up to here: it would cost as much as the rest.
for dir in "$here/build/release" "$here/../lib/onionify"; do
	if [ -x "$dir/onionify-run" ]; then
		exec "$dir/onionify-run" "$@"
	fi
done
[ ! -e "$here/Makefile" ] || fail "not built yet: run 'make' in $here"
fail "onionify-run was not found beside $here; the installation is incomplete"
