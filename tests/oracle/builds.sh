#!/bin/bash
# `make check-builds`: real builds under ptwrap, at levels audit and all, compared with strace. `all`: the long ones too.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/env.sh
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES

passed=0 failed=0
jobs=$(nproc)

# build NAME COMMAND...
build() {
	local name=$1
	shift
	if tests/oracle/fetch-sources.sh "$name" &&
		python3 tests/oracle/compare.py --ptwrap ./ptwrap --level audit --level all --source "build/sources/$name" --name "$name" -- "$@"; then
		echo "ok - build of $name"
		passed=$((passed + 1))
	else
		echo "not ok - build of $name"
		failed=$((failed + 1))
	fi
}

build lua5.4 make "-j$jobs"
build dash sh -c "./configure && make -j$jobs"
build libzstd make "-j$jobs" zstd CFLAGS=-O1
if [ "${1:-}" = all ]; then
	build sqlite3 sh -c "./configure && make -j$jobs"
	build redis make "-j$jobs" MALLOC=libc
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
