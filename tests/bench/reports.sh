#!/bin/bash
# Measures what reports cost: --read of recordings that tests/bench/recordings.c makes, one format at a time; time,
# memory, and the bytes that a recorded call takes. From the environment:
#   BENCH_REPORTS=regex   only these recordings (calls build files threads execs chain)
#   BENCH_CALLS=10000000  calls in the greatest
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/env.sh

wanted=${BENCH_REPORTS:-.}
bin=$PWD/build/bench
ptwrap=$PWD/ptwrap
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
formats=(json text ndjson strace)
status=0

# shape, count, what it is
rows=(
	"calls ${BENCH_CALLS:-10000000} calls of processes that make 2500 each"
	'build 20000 processes that make 50 calls each'
	'files 200000 files'
	'threads 5000 threads of one process'
	'execs 100000 children that execute something'
	'chain 20000 processes, each the child of the one before'
)

build() {
	local objects
	mapfile -t objects < <(find build/release/launcher -name '*.o' ! -name main.o)
	mkdir -p "$bin"
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Ilauncher -Iinclude -o "$bin/recordings" \
		tests/bench/recordings.c "${objects[@]}" -pthread
}

# read_as FORMAT: prints time and memory of making that report.
read_as() {
	python3 -c '
import resource, subprocess, sys, time
start = time.monotonic()
status = subprocess.call(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{time.monotonic() - start:.2f} s, {usage.ru_maxrss // 1024} MiB")
sys.exit(status)' "$ptwrap" -q --read "$scratch/run.ptw" -o "$1:$scratch/report"
}

run_row() {
	local shape=$1 count=$2 what=$3 events calls bytes format cell cells=()
	[[ $shape =~ $wanted ]] || return 0
	read -r events calls bytes < <("$bin/recordings" "$shape" "$count" "$scratch/run.ptw") || return 1
	for format in "${formats[@]}"; do
		cell=$(read_as "$format") || { cell=failed; status=1; }
		cells+=("$cell")
	done
	printf '| %-60s | %9s | %16s | %16s | %16s | %16s |\n' "$count $what" \
		"$(awk -v b="$bytes" -v n="$((calls ? calls : events))" 'BEGIN { printf "%.1f", b / n }')" "${cells[@]}"
}

build || exit 1
printf '| %-60s | %9s | %16s | %16s | %16s | %16s |\n' 'a recording of ... read by' 'bytes' "${formats[@]}"
printf '|%s|%s|%s|%s|%s|%s|\n' "$(printf '%62s' '' | tr ' ' -)" '-----------' "$(printf '%18s' '' | tr ' ' -)"{,,,}
for row in "${rows[@]}"; do
	read -r shape count what <<<"$row"
	run_row "$shape" "$count" "$what" || status=1
done
echo 'bytes: of the recording a call, or an event where there are no calls; time and greatest memory of ptwrap --read.'
exit $status
