#!/bin/sh
# Everything ferryd promises, checked: installs what the tests need, builds with the address and
# undefined-behaviour sanitizers, compiles once with clang, runs all tests.
#
#	sh tests/run.sh [ctest options, e.g. -R lint]
#
# Builds in build-test/ and build-clang/. FERRYD_JOBS sets how many tests run at once.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. tests/lib/packages.sh

need_packages gcc libc6-dev make cmake ninja-build pkgconf libuv1-dev libssh2-1-dev libsqlite3-dev \
	libyaml-dev libjansson-dev libpcre2-dev libssl-dev libcurl4-openssl-dev libsystemd-dev libcmocka-dev clang \
	clang-tidy clang-format cppcheck strace python3 python3-pytest python3-asyncssh python3-yaml \
	python3-jsonschema libpam-google-authenticator ca-certificates openssh-server openssh-client openssh-sftp-server openssl systemd valgrind proftpd-core \
	proftpd-mod-crypto

processors=$(nproc)
jobs=${FERRYD_JOBS:-$((processors + 2))}

echo "== build with gcc and sanitizers (build-test/)"
CC=gcc cmake -S . -B build-test -G Ninja -DCMAKE_BUILD_TYPE=Debug \
	-DFERRYD_STRICT=ON -DFERRYD_SANITIZE=address,undefined >build-test.log 2>&1 || { cat build-test.log; exit 1; }
ninja -C build-test

echo "== compile with clang (build-clang/)"
CC=clang cmake -S . -B build-clang -G Ninja -DCMAKE_BUILD_TYPE=Release -DFERRYD_STRICT=ON \
	>build-test.log 2>&1 || { cat build-test.log; exit 1; }
ninja -C build-clang
rm -f build-test.log

echo "== test"
cd build-test
LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
export LC_ALL PYTHONDONTWRITEBYTECODE
exec ctest -j "$jobs" --output-on-failure "$@"
