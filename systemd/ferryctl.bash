# Completion of ferryctl for bash: verbs, options, and the names of routes that the daemon tells.

_ferryctl_routes()
{
	ferryctl --json routes 2>/dev/null |
		sed -n 's/^{"item":{"kind":"route","name":"\([^"\\]*\)".*/\1/p'
}

_ferryctl_endpoints()
{
	ferryctl --json status 2>/dev/null |
		sed -n 's/^{"item":{"kind":"endpoint","name":"\([^"\\]*\)".*/\1/p'
}

_ferryctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb="" words="" i
	local verbs="status routes jobs show ps poll pause resume retry hold cancel reload trace trust explain test"
	local states="claimed stored delivered done held skipped quarantined canceled"
	local IFS=$' \t\n'

	COMPREPLY=()
	case $before in
	--socket | --file)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "$states" -- "$word")
		return
		;;
	--route)
		mapfile -t COMPREPLY < <(compgen -W "$(_ferryctl_routes)" -- "$word")
		return
		;;
	--limit | --before | --for | --path)
		return
		;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) ((i++)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $verb:$word in
	jobs:-*) words="--route --state --limit --before --json --socket --help" ;;
	test:-*) words="--path --write --json --socket --help" ;;
	trace:-*) words="--for --file --json --socket --help" ;;
	retry:-* | hold:-*) words="--all --route --json --socket --help" ;;
	:-*) words="--json --socket --help --version" ;;
	*:-*) words="--json --socket --help" ;;
	:*) words=$verbs ;;
	poll:* | pause:* | resume:*) words=$(_ferryctl_routes) ;;
	trace:* | trust:* | test:*) words=$(_ferryctl_endpoints) ;;
	explain:*) words=$(ferryctl explain 2>/dev/null | cut -d' ' -f1) ;;
	*) words="" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _ferryctl ferryctl
