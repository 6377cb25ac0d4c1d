#!/bin/bash
# Measures what an audit costs: each workload natively, under strace and under ptwrap, in alternating rounds, so that a
# machine that slows down meanwhile slows all of them; tests/bench/table.py makes the table. From the environment:
#   BENCH_ROUNDS=5      rounds
#   BENCH_ROWS=regex    only these workloads (getppid read stat open spawn fork configure make)
#   BENCH_COLUMNS=regex only these tools (native strace strace-bpf ptwrap-kernel ptwrap-all ptwrap); native always runs
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/env.sh

rounds=${BENCH_ROUNDS:-5}
wanted_rows=${BENCH_ROWS:-.}
wanted_columns=${BENCH_COLUMNS:-.}
bin=$PWD/build/bench
ptwrap=$PWD/ptwrap
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
results=$bin/results.tsv
columns=(native strace strace-bpf ptwrap-kernel ptwrap-all ptwrap)

# name, operations, operations where each one costs a stop at a tracer, whether level audit traces it
rows=(
	'getppid 1000000 100000 no'
	'read 1000000 100000 no'
	'stat 200000 20000 yes'
	'open 200000 20000 yes'
	'spawn 1000 1000 yes'
	'fork 1000 1000 yes'
	'configure 1 1 yes'
	'make 1 1 yes'
)

skip() {
	printf 'skip\t%s\t%s\n' "$1" "$2" >>"$results"
	echo "bench: $1: skipped: $2" >&2
}

build() {
	local objects cc=${CC:-cc} flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra)
	mapfile -t objects < <(find build/release/launcher -name '*.o' ! -name main.o)
	mkdir -p "$bin"
	"$cc" "${flags[@]}" -o "$bin/measure" tests/bench/measure.c &&
		"$cc" "${flags[@]}" -o "$bin/workload" tests/bench/workload.c &&
		"$cc" "${flags[@]}" -Ilauncher -Iinclude -o "$bin/traced_calls" tests/bench/traced_calls.c "${objects[@]}" -pthread
}

# prefix COLUMN: sets the array `prefix` to the words before the command.
prefix() {
	case $1 in
	native) prefix=() ;;
	strace) prefix=(strace -f -o /dev/null) ;;
	strace-bpf) prefix=(strace -f --seccomp-bpf -e "$traced_calls" -o /dev/null) ;;
	ptwrap-kernel) prefix=("$ptwrap" --no-shim -o "$scratch/run.ptw") ;;
	ptwrap-all) prefix=("$ptwrap" -l all --no-shim -o "$scratch/run.ptw") ;;
	ptwrap) prefix=("$ptwrap" -o "$scratch/run.ptw") ;;
	esac
}

stops_each_time() {
	local column=$1 traced_at_audit=$2
	case $column in
	native) return 1 ;;
	strace | ptwrap-all) return 0 ;;
	*) [ "$traced_at_audit" = yes ] ;;
	esac
}

# command_of ROW COUNT: sets the array `command`; makes the folder it runs in anew.
command_of() {
	rm -rf "$scratch/tree"
	case $1 in
	configure)
		cp -a build/sources/dash "$scratch/tree"
		command=(env -C "$scratch/tree" ./configure)
		;;
	make)
		cp -a build/sources/lua5.4 "$scratch/tree"
		make -s -C "$scratch/tree" clean >/dev/null 2>&1
		command=(make -C "$scratch/tree" -j2 posix)
		;;
	*) command=("$bin/workload" "$1" "$2") ;;
	esac
}

# One run of ROW under COLUMN: appends row, column, operations, time, CPU time, status.
measure() {
	local row=$1 column=$2 count=$3 elapsed_ns cpu_ns status loop_ns
	local prefix command
	prefix "$column"
	command_of "$row" "$count"
	"$bin/measure" "$scratch/measured" "${prefix[@]}" "${command[@]}" \
		>"$scratch/out" 2>"$scratch/err" </dev/null || return 1
	read -r elapsed_ns cpu_ns status <"$scratch/measured"
	[ "$status" -eq 0 ] || sed "s/^/bench: $row, $column: /" "$scratch/err" | tail -n 3 >&2
	read -r loop_ns <"$scratch/out"
	[ "${command[0]}" = "$bin/workload" ] || loop_ns=$elapsed_ns
	printf 'run\t%s\t%s\t%s\t%s\t%s\t%s\n' "$row" "$column" "$count" "${loop_ns:-0}" "$cpu_ns" "$status" >>"$results"
}

# has_source PACKAGE: its unpacked sources are in build/sources.
has_source() {
	[ -d "build/sources/$1" ] || tests/oracle/fetch-sources.sh "$1" >&2
	[ -d "build/sources/$1" ]
}

can_run() {
	local package
	case $1 in
	configure) package=dash ;;
	make) package=lua5.4 ;;
	*) return 0 ;;
	esac
	has_source "$package" || { skip "$1" "no sources of $package in build/sources"; return 1; }
}

run_row() {
	local row=$1 count=$2 slow_count=$3 traced=$4 column round
	[[ $row =~ $wanted_rows ]] && can_run "$row" || return 0
	for ((round = 1; round <= rounds; round++)); do
		printf '\rbench: %s, round %d of %d ' "$row" "$round" "$rounds" >&2
		for column in "${columns[@]}"; do
			[[ $column == native || $column =~ $wanted_columns ]] || continue
			measure "$row" "$column" "$(stops_each_time "$column" "$traced" && echo "$slow_count" ||
				echo "$count")"
		done
	done
	echo >&2
}

build || exit 1
traced_calls=$("$bin/traced_calls") || exit 1
: >"$results"
for row in "${rows[@]}"; do
	# shellcheck disable=SC2086 # four words
	run_row $row
done
python3 tests/bench/table.py "$results"
