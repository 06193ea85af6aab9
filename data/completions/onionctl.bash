# SPDX-License-Identifier: BSD-3-Clause
# bash completion for onionctl

_onionctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local words='status circuits streams resolve new-identity log reload stop top doctor
		close-circuit onion-auth service'

	case $prev in
	--timeout | resolve | close-circuit) words= ;;
	onion-auth) words='list add remove' ;;
	service) words='add remove list' ;;
	--key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	log) words='error warn notice info debug' ;;
	esac
	[[ $cur == -* ]] && words='--json --timeout --key --foreground --version --help'
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _onionctl onionctl
