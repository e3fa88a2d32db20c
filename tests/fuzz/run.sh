#!/bin/sh
# Looks for new inputs with libFuzzer: builds in build-fuzz/, starts from the corpus, keeps what it
# learns in build-fuzz/found/NAME/ and inputs that fail as build-fuzz/found/NAME-crash-… (-leak-, -timeout-).
#
#	sh tests/fuzz/run.sh [SECONDS [NAME...]]	each target for that long (60), two at a time
#
# FERRYD_JOBS sets how many run at once. Exits 1 when a target failed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(for f in tests/fuzz/fuzz_*.c; do basename "$f" .c | cut -c6-; done)

[ -f build-fuzz/build.ninja ] || CC=clang cmake -S . -B build-fuzz -G Ninja \
	-DCMAKE_BUILD_TYPE=RelWithDebInfo -DFERRYD_FUZZ=ON >/dev/null
ninja -C build-fuzz $(printf 'fuzz_%s ' "$@") >build-fuzz/build.log || {
	cat build-fuzz/build.log
	exit 1
}

one='
	name=$1 seconds=$2 found=build-fuzz/found/$1
	mkdir -p "$found"
	dict=tests/fuzz/dict/$name.dict
	[ -f "$dict" ] || dict=tests/fuzz/dict/${name%%_*}.dict
	if build-fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 \
		-max_len=65536 -print_final_stats=1 -artifact_prefix="$found-" \
		$([ -f "$dict" ] && echo "-dict=$dict") \
		"$found" tests/fuzz/corpus/"$name" >"$found.log" 2>&1; then
		echo "$name: $(grep -o "number_of_executed_units: .*" "$found.log" | cut -d" " -f2) runs," \
			"nothing found"
	else
		echo "$name: FAILED, see $found.log"
		exit 1
	fi
'
printf '%s\n' "$@" | xargs -P "${FERRYD_JOBS:-2}" -I '{}' sh -c "$one" one '{}' "$seconds"
