#!/bin/bash
# What a machine can say of the sources without running them: compilers with -Werror, analysers, the shape of functions
# and headers, words that promise later work. One line a check; what this machine lacks is skipped, with the reason.
set -u
cd "$(dirname "$0")/.." || exit 1
tests/tools/fetch.sh lint
. tests/tools/env.sh

passed=0 failed=0
cc=${CC:-gcc}
clang=${CLANG:-clang}
flags=(-std=gnu11 -D_GNU_SOURCE -Ilauncher -Iinclude -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes)
mapfile -t launcher < <(find launcher -name '*.c' | sort)
mapfile -t checkers < <(find tests -name '*.c' ! -name '*_nolibc32.c' | sort)
mapfile -t headers < <(find launcher include shim -name '*.h' | sort)
mapfile -t shells < <(find .ci tests examples -type f \( -name '*.sh' -o -path .ci/run -o -name '*.bash' -o -name musl-gcc \) | sort)

# check NAME COMMAND...: passes when COMMAND succeeds; what it prints is shown when it does not.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok - lint: $name"
		passed=$((passed + 1))
	else
		head -n 60 <<<"$output" | sed 's/^/# /'
		echo "not ok - lint: $name"
		failed=$((failed + 1))
	fi
}

# check_with TOOL NAME COMMAND...: the same where there is TOOL.
check_with() {
	local tool=$1
	shift
	if command -v "$tool" >/dev/null; then
		check "$@"
	else
		echo "ok - lint: $1 # skip no $tool on this machine"
	fi
}

builds_without_warning() {
	make -s MODE=debug B=build/lint/"$(basename "$1")" CC="$1" WERROR=1 CFLAGS="$2" -j"$(nproc)" \
		build/lint/"$(basename "$1")"/ptwrap
}

# What the Makefile builds for tests is built with fewer warnings.
tests_compile() {
	local file failed=0
	for file in "${checkers[@]}"; do
		"$1" "${flags[@]}" -Werror -fsyntax-only "$file" || failed=1
	done
	return $failed
}

headers_stand_alone() {
	local header failed=0
	for header in "${headers[@]}"; do
		"$cc" "${flags[@]}" -Werror -fsyntax-only -x c - <<<"#include \"$PWD/$header\"" || failed=1
	done
	return $failed
}

functions_are_short() {
	find launcher shim tests -name '*.c' -exec awk '
		FNR == 1 { name = "" }
		/^[A-Za-z_].*\(/ && !/;[ \t]*$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		/^[{]/ { start = FNR }
		/^[}]/ { if (start && FNR - start > 70) { printf "%s:%d: %s: %d lines\n", FILENAME, start, name, FNR - start; bad = 1 }
			start = 0 }
		END { exit bad }' {} +
}

no_promises() {
	! grep -nIrE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' Makefile README.md .ci launcher shim include tests examples
}

tidy() {
	printf '%s\0' "${launcher[@]}" | xargs -0 -P "$(nproc)" -I{} clang-tidy --quiet --warnings-as-errors='*' {} -- "${flags[@]}" 2>&1 |
		grep -v '^[0-9]* warnings\? generated'
	return "${PIPESTATUS[1]}"
}

# Symbols of the linker bound objects that cppcheck takes for two; readdir(3) is safe on a stream of one's own.
analyse() {
	cppcheck -q -j "$(nproc)" --error-exitcode=1 --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=comparePointers --suppress=readdirCalled --suppress=getpwnamCalled \
		--suppress=getgrnamCalled --suppress=shiftTooManyBitsSigned --suppress=identicalInnerCondition \
		--suppress=resourceLeak:launcher/peek.c -D__x86_64__ -D_GNU_SOURCE -D__linux__ \
		--library=posix,gnu -Ilauncher -Iinclude launcher shim
}

check "builds without a warning: $cc" builds_without_warning "$cc" ''
check_with "$clang" "builds without a warning: $clang" builds_without_warning "$clang" ''
check "tests compile without a warning: $cc" tests_compile "$cc"
check_with "$clang" "tests compile without a warning: $clang" tests_compile "$clang"
check 'each header compiles alone' headers_stand_alone
check 'no function of more than 70 lines' functions_are_short
check 'no word that promises later work' no_promises
check_with shellcheck 'shellcheck' shellcheck -x "${shells[@]}"
# bats sets status, output and stderr, and runs each test in a subshell of its own; filters of jq are in single quotes.
check_with shellcheck 'shellcheck of bats files' shellcheck -x -e SC2016,SC2030,SC2031,SC2153,SC2154 tests/*.bats
check_with cppcheck 'cppcheck' analyse
check_with clang-tidy 'clang-tidy' tidy
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
