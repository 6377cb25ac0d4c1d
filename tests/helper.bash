# shellcheck shell=bash
# What every bats file loads: where things are, and how to ask a report. Never prints but on a failed assertion.
# PTWRAP, PROGRAMS and TOP come from tests/check.sh; run by hand, `bats tests/x.bats` takes the release build.

TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
PTWRAP=${PTWRAP:-$TOP/build/release/ptwrap}
PROGRAMS=${PROGRAMS:-$TOP/build/release/programs}
PATH=$TOP/build/tools/bin:$PATH
LC_ALL=C.UTF-8
export TOP PTWRAP PROGRAMS PATH LC_ALL
# A non-dumpable process cannot be served by LeakSanitizer; the unit tests look for leaks.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

bats_require_minimum_version 1.5.0

# Each test has a folder of its own, is in it, and its reports are called run.*.
setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

# audit [OPTION]... COMMAND...: runs COMMAND under ptwrap with run.json; status, output and stderr as bats' run has them.
audit() {
	run --separate-stderr "$PTWRAP" -q -o run.json "$@"
}

# report FILTER [JQ-OPTION]...: what the filter gives on run.json, raw.
report() {
	local filter=$1
	shift
	jq -r "$@" "$filter" run.json
}

# report_is FILTER [JQ-OPTION]...: the filter must give true on run.json; if not, what it asked of is shown.
report_is() {
	local filter=$1
	shift
	jq -e "$@" "$filter" run.json >/dev/null && return
	echo "not true of the report: $filter $*"
	jq -c 'del(.syscalls) | .processes |= map(del(.execs[]?.env))' run.json | head -c 4000
	return 1
}

# file_has PATH OP: the report says OP of PATH.
# shellcheck disable=SC2016
file_has() {
	report_is 'any(.files[]; .path == $path and any(.ops[]; . == $op))' --arg path "$1" --arg op "$2"
}

# same WHAT LEFT RIGHT: equal, or both are shown; of many lines only those that differ.
same() {
	[ "$2" == "$3" ] && return
	if [[ "$2$3" == *$'\n'* ]]; then
		echo "$1 differs"
		diff -U 0 <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -n 40
		return 1
	fi
	printf '%s differs\n--- %s\n+++ %s\n' "$1" "$2" "$3"
	return 1
}

# hello_project DIRECTORY: a copy of the example project of which nothing is built yet.
hello_project() {
	cp -r "$TOP/examples/hello-project" "$1"
	rm -rf "$1/build"
}

# needs_program NAME...: skips where this machine could not build it; it is then $PROGRAMS/NAME.
needs_program() {
	local name
	for name; do
		[ -x "$PROGRAMS/$name" ] || skip "$name could not be built here"
	done
}

# Is PTWRAP one that takes --no-shim, as check.sh has it the second time?
by_kernel_view() {
	[ "${VIEW:-}" == kernel ]
}

# needs COMMAND...: skips, naming what is missing.
needs() {
	local name
	for name; do
		command -v "$name" >/dev/null || skip "no $name on this machine"
	done
}

needs_root() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
}
