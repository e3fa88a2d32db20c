#!/bin/sh
# The unit is as closed as it says, and systemd understands every line of it.
# Usage: test_unit.sh UNIT_FILE (as installed)
set -eu

unit=$1
most=15 # tenths: systemd-analyze's exposure of at most 1.5

command -v systemd-analyze >/dev/null || { echo "SKIP: systemd-analyze is not installed"; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# `verify` wants the programs to exist, so it sees a copy that runs something harmless.
sed -e 's#^ExecStart=.*#ExecStart=/bin/true#' -e 's#^ExecReload=.*#ExecReload=/bin/true#' \
	-e '/^Documentation=/d' "$unit" >"$place/ferryd.service"
said=$(systemd-analyze verify --man=no --recursive-errors=no "$place/ferryd.service" 2>&1 |
	grep 'ferryd\.service' || true)
[ -z "$said" ] || { echo "systemd-analyze verify: $said"; exit 1; }

if ! systemd-analyze security --offline=true --threshold=$most "$unit" >"$place/score" 2>&1; then
	cat "$place/score"
	echo "the unit is more exposed than it should be"
	exit 1
fi
tail -n 1 "$place/score"
