#!/bin/bash
# Measures what an audit costs: each workload natively, under strace and under ptwrap, in alternating rounds, so that a
# machine that slows down meanwhile slows all of them; tests/bench/table.py makes the tables. From the environment:
#   BENCH_ROUNDS=5      rounds
#   BENCH_ROWS=regex    only these workloads (getppid read stat open spawn fork configure make threads static)
#   BENCH_COLUMNS=regex only these tools (native strace strace-bpf audit policy all kernel-audit kernel-all); native always runs
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/env.sh
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES

rounds=${BENCH_ROUNDS:-5}
wanted_rows=${BENCH_ROWS:-.}
wanted_columns=${BENCH_COLUMNS:-.}
bin=$PWD/build/bench
ptwrap=$PWD/ptwrap
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
results=$bin/results.tsv
columns=(native strace strace-bpf audit policy all kernel-audit kernel-all)
patience_ns=4000000000 # a run that would take longer does fewer operations

# name, operations, operations where each one is slow
rows=(
	'getppid 1000000 20000'
	'read 1000000 20000'
	'stat 200000 10000'
	'open 200000 10000'
	'spawn 1000 200'
	'fork 1000 200'
	'configure 1 1'
	'make 1 1'
	'threads 1000000 20000'
	'static 100000 20000'
)

skip() {
	printf 'skip\t%s\t%s\n' "$1" "$2" >>"$results"
	echo "bench: $1: skipped: $2" >&2
}

build() {
	local objects cc=${CC:-cc} flags=(-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -pthread)
	mapfile -t objects < <(find build/release/launcher -name '*.o' ! -name main.o)
	mkdir -p "$bin"
	"$cc" "${flags[@]}" -o "$bin/measure" tests/bench/measure.c &&
		"$cc" "${flags[@]}" -o "$bin/workload" tests/bench/workload.c &&
		"$cc" "${flags[@]}" -Ilauncher -Iinclude -o "$bin/traced_calls" tests/bench/traced_calls.c "${objects[@]}" || return 1
	"$cc" "${flags[@]}" -static -o "$bin/workload_static" tests/bench/workload.c || rm -f "$bin/workload_static"
}

# What README must say beside the numbers.
describe_machine() {
	local fact
	for fact in "date $(date -u '+%Y-%m-%d %H:%M UTC')" "cpu $(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1)" \
		"cores $(nproc)" "kernel $(uname -sr)" "load $(cut -d' ' -f1-3 /proc/loadavg)" "user $(id -un)" \
		"strace $(strace -V 2>/dev/null | sed -n '1s/.*version //p')" "ptwrap $("$ptwrap" -V | sed 's/^ptwrap //')"; do
		printf 'machine\t%s\t%s\n' "${fact%% *}" "${fact#* }" >>"$results"
	done
}

# prefix COLUMN: sets the array `prefix` to the words before the command.
prefix() {
	case $1 in
	native) prefix=() ;;
	strace) prefix=(strace -f -o /dev/null) ;;
	strace-bpf) prefix=(strace -f --seccomp-bpf -e "$traced_calls" -o /dev/null) ;;
	audit) prefix=("$ptwrap" -o "$scratch/run.ptw") ;;
	policy) prefix=("$ptwrap" -P "$scratch/policy" -o "$scratch/run.ptw") ;;
	all) prefix=("$ptwrap" -l all -o "$scratch/run.ptw") ;;
	kernel-audit) prefix=("$ptwrap" --no-shim -o "$scratch/run.ptw") ;;
	kernel-all) prefix=("$ptwrap" --no-shim -l all -o "$scratch/run.ptw") ;;
	esac
}

# 200 rules, none of which these workloads break: on writing, programs, the network and system calls.
write_policy() {
	local i
	echo 'default allow'
	for ((i = 0; i < 70; i++)); do echo "deny write /srv/$i/**"; done
	for ((i = 0; i < 49; i++)); do echo "deny write /opt/share/$i.conf"; done
	for ((i = 0; i < 50; i++)); do echo "deny exec /opt/bin/$i"; done
	for ((i = 0; i < 20; i++)); do echo "deny net 10.0.$i.0/24"; done
	echo 'deny write /etc/** /usr/**'
	for i in debug mount module reboot clock raw-io keyring io-uring namespace; do echo "deny syscall @$i"; done
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
	static) command=("$bin/workload_static" getppid "$2") ;;
	*) command=("$bin/workload" "$1" "$2") ;;
	esac
}

# run_once ROW COLUMN COUNT: sets loop_ns, cpu_ns and status.
run_once() {
	local row=$1 column=$2 count=$3 elapsed_ns
	local prefix command
	prefix "$column"
	command_of "$row" "$count"
	"$bin/measure" "$scratch/measured" "${prefix[@]}" "${command[@]}" \
		>"$scratch/out" 2>"$scratch/err" </dev/null || return 1
	read -r elapsed_ns cpu_ns status <"$scratch/measured"
	[ "$status" -eq 0 ] || sed "s/^/bench: $row, $column: /" "$scratch/err" | tail -n 3 >&2
	loop_ns=$elapsed_ns
	[[ ${command[0]} != "$bin"/workload* ]] || read -r loop_ns <"$scratch/out"
	loop_ns=${loop_ns:-0}
}

# count_for ROW COLUMN COUNT SLOW_COUNT: sets count, by a short run.
count_for() {
	local loop_ns cpu_ns status
	count=$3
	[ "$3" -ne "$4" ] || return 0
	run_once "$1" "$2" "$4" || return 1
	[ $((loop_ns * $3 / $4)) -le "$patience_ns" ] || count=$4
}

# One run of ROW under COLUMN: appends row, column, operations, time, CPU time, status.
measure() {
	local loop_ns cpu_ns status
	run_once "$1" "$2" "$3" || return 1
	printf 'run\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$loop_ns" "$cpu_ns" "$status" >>"$results"
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
	static) [ -x "$bin/workload_static" ] || { skip "$1" 'nothing can be linked statically here'; return 1; }; return 0 ;;
	*) return 0 ;;
	esac
	has_source "$package" || { skip "$1" "no sources of $package in build/sources"; return 1; }
}

run_row() {
	local row=$1 column round count
	local -A counts=()
	[[ $row =~ $wanted_rows ]] && can_run "$row" || return 0
	for ((round = 1; round <= rounds; round++)); do
		printf '\rbench: %s, round %d of %d ' "$row" "$round" "$rounds" >&2
		for column in "${columns[@]}"; do
			[[ $column == native || $column =~ $wanted_columns ]] || continue
			if [ "$round" -eq 1 ]; then
				count_for "$row" "$column" "$2" "$3"
				counts[$column]=$count
			fi
			measure "$row" "$column" "${counts[$column]}"
		done
	done
	echo >&2
}

build || exit 1
write_policy >"$scratch/policy"
traced_calls=$("$bin/traced_calls") || exit 1
: >"$results"
describe_machine
for row in "${rows[@]}"; do
	# shellcheck disable=SC2086 # three words
	run_row $row
done
python3 tests/bench/table.py "$results"
