#!/usr/bin/env bats
# What a level or a set of --trace asks for is in the report, counted exactly; what it does not ask for is not.

bats_require_minimum_version 1.5.0
load helper
load counting

# calls: the names in the report, in one line.
calls() {
	report '[.syscalls[].name] | join(" ")'
}

@test "--level all counts what strace -f counts, call by call and errno by errno: static" {
	counts_as_strace "$PROGRAMS/counts_static"
	counts_as_strace --no-shim "$PROGRAMS/counts_static"
}

@test "--level all counts what strace -f counts, call by call and errno by errno: dynamic" {
	counts_as_strace "$PROGRAMS/counts"
	counts_as_strace --no-shim "$PROGRAMS/counts"
}

@test "a call's time is how long it took" {
	local option
	for option in '' --no-shim; do
		audit $option -l all sleep 0.05
		report_is '[.syscalls[] | select(.name == ("nanosleep", "clock_nanosleep"))] | length == 1 and
			(.[0] | .calls == 1 and .total_ns >= 50e6 and .total_ns < 10e9 and .max_ns == .total_ns)'
	done
}

@test "calls through the vsyscall page work and are counted" {
	local native option
	native=$("$PROGRAMS/vsyscall") || skip 'no vsyscall page on this machine'
	for option in --level=audit --level=all --no-shim; do
		audit "$option" "$PROGRAMS/vsyscall"
		same "output with $option" "$native" "$output"
	done
	audit -e gettimeofday,time,getcpu "$PROGRAMS/vsyscall"
	same counts $'getcpu 2 0\ngettimeofday 2 0\ntime 2 0' "$(report '.syscalls[] | "\(.name) \(.calls) \(.errors)"')"
}

@test "calls that never return are counted" {
	audit --level all "$PROGRAMS/counts"
	report_is '.syscalls | map(select(.name | test("^exit"))) | map([.name, .calls]) == [["exit", 1], ["exit_group", 4]]'
	report_is 'all(.syscalls[] | select(.name | test("^exit")); .errors == 0)'
}

@test "what audit does not ask for is not in the report, what it asks for is exact" {
	audit "$PROGRAMS/counts_static"
	report_is 'any(.syscalls[]; .name == ("read", "write", "close", "getppid", "rt_sigreturn", "wait4", "futex")) | not'
	report_is '[.syscalls[] | select(.name == "openat") | .calls, .errnos] == [171, {"ENOENT": 57, "ENOTDIR": 57}]'
	report_is '.level == "audit" and (has("trace") | not) and .coverage.complete'
}

@test "level exec knows processes and no calls" {
	audit --level exec sh -c 'true; /bin/true; (exit 3)'
	report_is '.level == "exec" and (has("syscalls") or has("files") or has("network") | not)'
	report_is '[.processes[].execs[]?.argv[0]] == ["sh", "/bin/true"] and .totals.execs == 2'
	audit --level exec grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status
	same 'what the kernel says of a filter' "$(grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status)" "$output"
}

@test "-e takes names, in strace's ways of writing them" {
	local set
	for set in openat,getppid trace=openat,getppid t=openat,getppid 'openat,?nosuchcall,getppid' '/^(openat|getppid)$'; do
		audit -e "$set" "$PROGRAMS/counts_static"
		same "calls of $set" 'getppid openat' "$(calls)"
		report_is '.trace == $set and [.syscalls[].calls] == [57, 171]' --arg set "${set#t*=}"
	done
}

@test "-e takes classes and what is taken away from them" {
	audit -e '%file,!stat,!newfstatat' "$PROGRAMS/counts_static"
	[[ " $(calls) " == *' openat '* && " $(calls) " != *stat* && " $(calls) " != *' close '* ]]
	audit -e '%signal' "$PROGRAMS/counts_static"
	[[ " $(calls) " == *' kill '*rt_sigreturn* && " $(calls) " != *' openat '* ]]
}

@test "-e with a ! in front is all but those" {
	audit --level all "$PROGRAMS/counts_static"
	local all
	all=$(report '[.syscalls[].name] - ["close", "openat"] | join(" ")')
	audit -e '!openat,close' "$PROGRAMS/counts_static"
	same calls "$all" "$(calls)"
}

@test "-e counts as strace -e does" {
	local set
	for set in '%file' '%desc' '%process' '%memory' '!%memory' '%signal' '%pure' '%stat'; do
		audit --no-shim -e "$set" "$PROGRAMS/counts"
		strace -f -c -o table -e trace="$set" "$PROGRAMS/counts"
		same "counts of $set" "$(awk '/^[ 0-9.]+ [a-z_0-9]+$/ && !/ total$/ { print $NF, $4 }' table | sort)" \
			"$(report '.syscalls[] | select(.name | test("^exit") | not) | "\(.name) \(.calls)"' | sort)"
	done
}

@test "-e none sees processes, and nothing is said to be missing" {
	audit -e none "$PROGRAMS/counts_static"
	report_is '.totals.processes == 4 and .totals.syscalls == 0 and .coverage.complete'
}

@test "-e of what does not exist is refused, and the nearest name is given" {
	audit -e openta touch ran
	same status 125 "$status"
	same stderr "ptwrap: --trace: unknown system call 'openta' (did you mean 'openat'?)" "$stderr"
	audit -e %fil touch ran
	same status 125 "$status"
	same stderr "ptwrap: --trace: unknown class of system calls '%fil' (did you mean '%file'?)" "$stderr"
	[ ! -e ran ]
}
