#!/usr/bin/env bats
# What `make bench` prints of its measurements: ratios of medians, what failed or is missing, and the goals.

bats_require_minimum_version 1.5.0
load helper

# table LINE...: table.py on a file of these lines, with tabs for spaces; output, status.
table() {
	printf '%s\n' "$@" | tr ' ' '\t' >results.tsv
	run python3 "$TOP/tests/bench/table.py" results.tsv
}

@test "a cell is the ratio of the medians of an operation" {
	table 'run stat native 10 1000 9000 0' 'run stat native 10 1020 9000 0' 'run stat native 10 9999 9000 0' \
		'run stat strace 2 20400 9000 0'
	[ "$status" -eq 0 ]
	[[ $output == *'| stat         | 1.00   | 100.00    |'* ]]
	[[ $output == *'| stat                    | 0.10 µs | +10.10 µs |'* ]]
}

@test "a run that failed is named and fails the bench" {
	table 'run stat native 10 1000 9000 0' 'run stat audit 10 1000 9000 3'
	[ "$status" -eq 1 ]
	[[ $output == *'failed (3)'* ]]
}

@test "goals are judged, those of a ratio to another measurement too" {
	table 'run configure native 1 100 1 0' 'run configure audit 1 113 1 0' 'run configure strace-bpf 1 400 1 0' \
		'run configure kernel-audit 1 300 1 0'
	[[ $output == *'dash ./configure: audit '*'| 1.13 '*'| 1.12 '*'| missed |'* ]]
	[[ $output == *'dash ./configure: --no-shim audit, times strace --seccomp-bpf | 0.75     | 0.75    | met    |'* ]]
}

@test "an audit with rules is held to the same audit without" {
	table 'run make native 1 100 1 0' 'run make audit 1 110 1 0' 'run make policy 1 132 1 0'
	[[ $output == *'lua make -j2: audit, 200 rules, times audit '*'| 1.20 '*'| 1.10 '*'| missed |'* ]]
}

@test "the machine and what was skipped are told" {
	table 'machine cpu X86' 'skip make none' 'run stat native 10 1000 9000 0'
	[[ ${lines[0]} == 'cpu X86' ]]
	[[ $output == *'lua make -j2: skipped: none'* ]]
}
