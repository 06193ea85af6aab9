# SPDX-License-Identifier: BSD-3-Clause
# bash completion for onionify: its own options, then the command's words

_onionify()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i=1
	local options='--isolate --timeout --no-wait --optimistic --shell --allow-weak
		--no-proxy-env --report --serve --serve-key --verbose --quiet --help --version'

	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		--isolate | --timeout | --serve | --serve-key) i=$((i + 2)) ;;
		--) i=$((i + 1)); break ;;
		-*) i=$((i + 1)) ;;
		*) break ;;
		esac
	done
	if [ "$i" -gt "$COMP_CWORD" ] && [ "$prev" = --serve-key ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [ "$i" -gt "$COMP_CWORD" ]; then
		COMPREPLY=()
	elif [ "$i" -lt "$COMP_CWORD" ] && declare -F _command_offset >/dev/null; then
		_command_offset "$i"
	elif [ "$i" -lt "$COMP_CWORD" ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ $cur == -* && $prev != -- ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -o default -F _onionify onionify
