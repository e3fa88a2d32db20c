#!/bin/sh
# Static analysis of the product's sources.
#
#	static.sh tidy BUILD		clang-tidy with .clang-tidy of the tree
#	static.sh cppcheck BUILD	cppcheck with the suppressions below
#
# BUILD is a configured build folder (compile_commands.json). Exits 0 and prints SKIP where the tool
# is not installed. Bounded: each file has a minute, files run on all cores.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1
build=$2
jobs=$(nproc)

sources() {
	find "$root/daemon" "$root/adapters" "$root/config" -name '*.c' | sort
}

# The compiler in compile_commands.json is gcc; clang does not know all of its options.
tidy() {
	sources | xargs -P "$jobs" -n 4 timeout 200 clang-tidy --quiet -p "$build" \
		--extra-arg=-Wno-unknown-warning-option \
		--extra-arg=-Wno-unused-command-line-argument \
		--extra-arg=-fno-sanitize=all \
		--extra-arg=-ftrivial-auto-var-init=uninitialized
}

# Suppressed, with the reason:
#   missingInclude*: the system's headers are not looked up, on purpose (time)
#   unusedFunction: a room's contract may be larger than today's callers
#   variableScope, constParameter*: taste; a callback's signature is given
#   normalCheckLevel*, checkersReport, toomanyconfigs: remarks about cppcheck itself
#   unusedStructMember: cmocka tests and other rooms read them
#   uninitvar in config/{bind,scalar}.c: an empty table of keys or words, which there is none of
#   nullPointerOutOfMemory*, nullPointerArithmeticOutOfMemory: mem.h ends the process instead
check() {
	cppcheck --quiet --error-exitcode=1 -j "$jobs" --std=c11 --inline-suppr \
		--enable=warning,performance,portability --max-configs=4 \
		--suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=unusedFunction --suppress=variableScope --suppress=unusedStructMember \
		--suppress=normalCheckLevelMaxBranches --suppress=checkersReport \
		--suppress=toomanyconfigs --suppress=nullPointerOutOfMemory \
		--suppress=nullPointerArithmeticOutOfMemory \
		"--suppress=uninitvar:*config/bind.c" "--suppress=uninitvar:*config/scalar.c" \
		-D_GNU_SOURCE -D__GNUC__=12 '-DFERRYD_VERSION="0"' -I "$root" -I "$build" $(sources)
}

case $tool in
tidy) command -v clang-tidy >/dev/null || { echo "SKIP: clang-tidy is not installed"; exit 0; }
	tidy ;;
cppcheck) command -v cppcheck >/dev/null || { echo "SKIP: cppcheck is not installed"; exit 0; }
	check ;;
*) echo "usage: static.sh tidy|cppcheck BUILD" >&2; exit 2 ;;
esac
