#!/usr/bin/env bats
# Programs of the tree that trace: LeakSanitizer is served, others are refused as by the kernel or let go, and a ptwrap
# inside a ptwrap leaves the audit to the outer one.
# shellcheck disable=SC2016 # inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# leaky NAME COMPILER FLAG...: makes ./NAME of leaks.c, for all views and levels; skips what this machine cannot link.
leaky() {
	local name=$1
	shift
	command -v "$1" >/dev/null && "$@" -g -pthread -o "$name" "$TOP/tests/programs/leaks.c" 2>/dev/null && ./"$name" 2>/dev/null
}

# ends_alike PROGRAM [ARG]...: status and what the sanitizer sums up are the same with and without ptwrap.
ends_alike() {
	local option native wrapped
	native=$("$@" 2>&1 >/dev/null | grep -oE 'SUMMARY.*|ERROR: [A-Za-z]*'; echo "${PIPESTATUS[0]}")
	for option in --level=audit --level=all --level=exec --no-shim; do
		wrapped=$(timeout 60 "$PTWRAP" -q "$option" "$@" 2>&1 >/dev/null | grep -oE 'SUMMARY.*|ERROR: [A-Za-z]*'; echo "${PIPESTATUS[0]}")
		same "end of $* under $option" "$native" "$wrapped"
	done
}

@test "a program with LeakSanitizer passes where it is clean and fails where it leaks" {
	local count=0 what
	unset ASAN_OPTIONS LSAN_OPTIONS
	leaky gcc-address gcc -fsanitize=address && : $((count += 1))
	leaky gcc-static gcc -fsanitize=address -static-libasan && : $((count += 1))
	leaky gcc-leak gcc -fsanitize=leak && : $((count += 1))
	leaky clang-address clang -fsanitize=address && : $((count += 1))
	leaky clang-leak clang -fsanitize=leak && : $((count += 1))
	[ "$count" -gt 0 ] || skip 'no compiler with LeakSanitizer on this machine'
	for what in {gcc,clang}-*; do
		[ -x "$what" ] || continue
		ends_alike ./"$what"
		ends_alike ./"$what" leak
		ends_alike ./"$what" threads leak
		ends_alike ./"$what" child leak
		! unshare -Urpf --mount-proc true || ends_alike unshare -Urpf --mount-proc ./"$what" threads
		[ "$(./"$what" leak >/dev/null 2>&1; echo $?)" -gt 0 ]
	done
}

@test "the threads that LeakSanitizer stops go on" {
	unset ASAN_OPTIONS LSAN_OPTIONS
	leaky checked gcc -fsanitize=address || leaky checked clang -fsanitize=address || skip 'no compiler with LeakSanitizer on this machine'
	local option
	for option in --level=audit --level=all --level=exec --no-shim; do
		same output $'no leak\nno leak\nno leak\nworked' "$(timeout 60 "$PTWRAP" -q "$option" ./checked midway 2>&1)"
	done
}

@test "--no-lsan switches it off, and the report says so" {
	unset ASAN_OPTIONS LSAN_OPTIONS
	leaky checked gcc -fsanitize=address || leaky checked clang -fsanitize=address || skip 'no compiler with LeakSanitizer on this machine'
	audit --no-lsan ./checked leak
	same status 0 "$status"
	report_is 'any(.coverage.notes[]; .kind == "lsan-off")'
	same 'what is there already' exitcode=3:detect_leaks=0 "$(LSAN_OPTIONS=exitcode=3 "$PTWRAP" -q --no-lsan sh -c 'echo $LSAN_OPTIONS')"
}

@test "a tracer inside is refused as the kernel does it, and the report says so" {
	needs strace
	run strace -o /dev/null true
	same status 0 "$status"
	audit strace -o /dev/null true
	[ "$status" -ne 0 ]
	[[ $stderr == *'Operation not permitted'* ]]
	report_is 'any(.coverage.notes[]; .kind == "ptrace-refused")'
}

@test "at --level exec, where no request is seen, the report names programs that can trace" {
	needs strace
	audit --level exec sh -c 'strace -o /dev/null true; true'
	[[ $stderr == *'Operation not permitted'* ]]
	report_is '[.coverage.notes[] | .kind + " \(.process)"] == ["tracer 2"]'
	audit --level exec sh -c 'true; true'
	report_is '.coverage == {"complete": true, "with_shim": 0, "kernel_only": 1, "lost_records": 0, "truncated": {}, "notes": []}'
}

@test "--level exec --release lets a tracer go, and the report names the gap" {
	needs strace
	audit --level exec --release strace -o trace sh -c 'true; exit 5'
	same status 5 "$status"
	grep -q '+++ exited with 5 +++' trace
	report_is '.exit.code == 5 and (.coverage.complete | not) and (.processes | length) == 1'
	report_is '[.coverage.notes[].kind] == ["released"]'
	audit --level exec --release sh -c 'strace -o trace true; strace -o trace true; exit 6'
	same status 6 "$status"
	report_is '.exit.code == 6 and [.coverage.notes[] | .kind + " \(.process)"] == ["released 2", "released 3"]'
	audit --level exec --release=sh strace -o trace true
	[ "$status" -ne 0 ]
	audit --level exec --release=strace strace -o trace sh -c 'kill -TERM $$'
	same status 143 "$status"
	report_is '.exit.signal == "SIGTERM"'
}

# debugged COMMAND...: how a program ends that gdb, run by COMMAND, starts.
debugged() {
	"$@" gdb -nx -batch -ex run --args sh -c 'exit 5' 2>&1 </dev/null | grep -oE 'exited with code [0-9]+|Operation not permitted'
}

@test "a debugger inside is refused, says so, and works where it is let go" {
	needs gdb
	same 'end without ptwrap' 'exited with code 05' "$(debugged env)"
	same 'end at level audit' $'Operation not permitted\nexited with code 127' "$(debugged "$PTWRAP" -q -o run.json)"
	report_is '[.coverage.notes[].kind] == ["ptrace-refused"]'
	same 'end when let go' 'exited with code 05' "$(debugged "$PTWRAP" -q --level exec --release)"
}

@test "--release is for level exec" {
	run --separate-stderr "$PTWRAP" --release true
	same status 125 "$status"
	[[ $stderr == 'ptwrap: --release goes with --level exec'* ]]
}

@test "a ptwrap inside a ptwrap says so in a line, and leaves the audit to the outer one" {
	local level
	for level in exec audit all; do
		audit --level "$level" "$PTWRAP" -o inner.json -o inner.txt sh -c 'echo out; exit 7'
		same status 7 "$status"
		same output out "$output"
		same message 'ptwrap: already audited by ptwrap: COMMAND runs under that audit; not written: inner.json, inner.txt' "$stderr"
		[ ! -e inner.json ]
		report_is 'any(.processes[].execs[]; .argv == ["sh", "-c", "echo out; exit 7"]) and .coverage.complete'
	done
	same outcome 'signal 15' "$("$PROGRAMS/outcome" "$PTWRAP" -q "$PTWRAP" sh -c 'kill $$')"
	same 'not found' 127 "$("$PTWRAP" -q "$PTWRAP" nonexistent 2>/dev/null; echo $?)"
	same 'not executable' 126 "$("$PTWRAP" -q "$PTWRAP" /etc/passwd 2>/dev/null; echo $?)"
}

@test "a ptwrap inside a ptwrap that is to keep rules does not run its command" {
	local option
	for option in "--rule=deny net *" --policy=p --learn=l; do
		echo 'default allow' >p
		run --separate-stderr "$PTWRAP" -q "$PTWRAP" "$option" touch ran
		same "status with $option" 125 "$status"
		same message "ptwrap: already audited by ptwrap: ${option%%=*} is for the outermost one: COMMAND is not run" "$stderr"
		[ ! -e ran ]
	done
}

@test "a ptwrap inside a ptwrap knows of it in a pid namespace, and under another name" {
	unshare -Urpf --mount-proc true || skip 'needs a pid namespace'
	run -9 --separate-stderr "$PTWRAP" -q unshare -Urpf --mount-proc "$PTWRAP" sh -c 'exit 9'
	[[ $stderr == 'ptwrap: already audited by ptwrap'* ]]
	! by_kernel_view || return 0
	cp "$PTWRAP" other-name
	run -9 --separate-stderr ./other-name -q ./other-name sh -c 'exit 9'
	[[ $stderr == 'ptwrap: already audited by ptwrap'* ]]
}
