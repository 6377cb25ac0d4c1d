#!/usr/bin/env bats
# A program that undermines the audit runs as it would, hides nothing by it, and is named for it.

bats_require_minimum_version 1.5.0
load helper

# hostile WHAT [OPTION]...: the program of that name prints and ends as it does without ptwrap.
hostile() {
	local what=$1
	shift
	run --separate-stderr "$PROGRAMS/hostile" "$what"
	local native_status=$status native_output=$output
	rm -f -- *
	audit "$@" "$PROGRAMS/hostile" "$what"
	same "status of $what" "$native_status" "$status"
	same "stdout of $what" "$native_output" "$output"
}

# notes: the kinds of all notes, in one line.
notes() {
	report '[.coverage.notes[].kind] | unique | join(" ")'
}

@test "a filter of the program's own says what it says, and is noted" {
	local level what
	for level in audit all; do
		for what in errno trace kill trap; do
			hostile "$what" --level "$level"
			same "notes of $what" own-seccomp-filter "$(notes)"
			report_is '.coverage.complete'
		done
	done
}

@test "a call that the program's own filter answers is in the report" {
	hostile errno -e getppid
	report_is '[.syscalls[] | [.name, .errnos]] == [["getppid", {"E2BIG": 1}]]'
	hostile trace -e getppid
	report_is '[.syscalls[] | [.name, .errnos]] == [["getppid", {"ENOSYS": 1}]]'
	hostile kill -e getppid
	report_is '[.syscalls[] | [.name, .calls]] == [["getppid", 1]] and .exit.signal == "SIGSYS"'
}

@test "a call that a thread of the program lets pass is in the report" {
	hostile notify
	file_has "$PWD/notified" create
	same notes own-seccomp-filter "$(notes)"
}

@test "io_uring is answered ENOSYS, and noted" {
	local what
	for what in uring uring32 allow-list; do
		audit "$PROGRAMS/hostile" "$what"
		same "stdout of $what" ENOSYS "$output"
		same "status of $what" 0 "$status"
		[[ " $(notes) " == *' io_uring '* ]]
		report_is '.coverage.complete and any(.syscalls[]; .name == "io_uring_setup" and .errnos == {"ENOSYS": 1})'
	done
}

@test "io_uring is answered at whatever is selected, and when it is not" {
	audit -e none "$PROGRAMS/hostile" uring
	same stdout ENOSYS "$output"
	same notes io_uring "$(notes)"
	audit --level exec "$PROGRAMS/hostile" uring
	same stdout "$("$PROGRAMS/hostile" uring)" "$output"
}

@test "--allow-io-uring leaves it alone, and says what that means" {
	local what
	for what in uring uring32; do
		hostile "$what" --allow-io-uring
		[ "$output" == succeeded ] || skip "no io_uring on this machine: $output"
		same notes io_uring-allowed "$(notes)"
		report_is '(.coverage.complete | not) and any(.syscalls[]; .name == "io_uring_setup" and .errors == 0)'
	done
	hostile uring --allow-io-uring -e none
	same notes io_uring-allowed "$(notes)"
}

@test "32-bit calls of a 64-bit program are seen" {
	hostile open32
	[ "$output" == succeeded ] || skip 'no 32-bit calls on this machine'
	file_has "$PWD/file32" create
	hostile filter32
	same notes own-seccomp-filter "$(notes)"
	audit --level all -o run.ndjson "$PROGRAMS/hostile" open32
	same 'calls of ./file32' $'open i386\nclose i386' \
		"$(jq -r 'select(.event == "syscall" and (.args | tostring | test("file32"))) | "\(.name) \(.abi)"' run.ndjson)"
}

@test "a child made by a 32-bit clone with CLONE_UNTRACED is followed" {
	hostile untraced32
	[ "$output" == succeeded ] || skip 'no 32-bit calls on this machine'
	file_has "$PWD/child" create
	same notes untraced-clone "$(notes)"
	report_is '.coverage.complete and [.processes[] | [.parent, .exit.code]] == [[null, 0], [1, 0]]'
}

@test "an x32 call is named" {
	hostile x32 -e getpid
	report_is '[.syscalls[].name] == ["getpid"]'
}

@test "a call that nobody knows is told by its number, and noted" {
	hostile unknown
	report_is 'any(.syscalls[]; .name == "syscall_0x3e8" and .errnos == {"ENOSYS": 1})'
	same notes unknown-syscall "$(notes)"
}

@test "a program that closes every descriptor takes nothing of ours away" {
	hostile close-all
	file_has "$PWD/closed" create
	report_is '.coverage.complete'
	by_kernel_view || report_is '(.processes[0].libraries | length) > 0'
}

@test "a program that unmaps the shim and its ring is audited to its end" {
	hostile unmap
	file_has "$PWD/mapped" create
	report_is '.coverage.complete and [.processes[0].execs[].path] == [$me, "/bin/true"]' --arg me "$PROGRAMS/hostile"
}

@test "a program that scribbles over the shim and its ring is audited to its end, and named" {
	hostile scribble
	file_has "$PWD/mapped" create
	by_kernel_view || same notes shim-suspect "$(notes)"
	report_is '[.processes[0].execs[].path] == [$me, "/bin/true"]' --arg me "$PROGRAMS/hostile"
}

@test "a program that fills its ring with garbage is audited to its end, and named" {
	hostile garbage
	by_kernel_view || report_is 'any(.coverage.notes[]; .kind == "shim-suspect")'
	report_is '.processes[0].exit.code == 0 and (.coverage.complete | not)' || by_kernel_view
	hostile garbage --level all
	report_is '.processes[0].exit.code == 0'
}

@test "a program that tells of calls that it did not make forges nothing that the kernel view tells of, and no other's words" {
	local level
	for level in audit all; do
		hostile forge --level "$level"
		report_is 'all(.files[] | select(.path == "/etc/passwd" or .path == "/etc/group"); any(.ops[]; . == "delete") | not)'
		report_is 'all(.syscalls[]; .name != "unlink")'
		by_kernel_view || same notes shim-suspect "$(notes)"
	done
}

@test "a call by the shim's own instruction is seen as any other, and jumps into the shim hurt who jumps" {
	hostile jump
	file_has "$PWD/jumped" create
	report_is '.processes[0].exit.code == 0'
}

@test "a program that cuts the rings short is audited to its end, and named" {
	needs_root
	hostile cut
	by_kernel_view || report_is 'any(.coverage.notes[]; .kind == "shim-suspect" or .kind == "lost")'
	report_is '.processes[0].exit.code == 0'
}

@test "whoever kills the supervisor is named, and the tree ends with it" {
	run -125 --separate-stderr "$PTWRAP" -q -o run.json "$PROGRAMS/hostile" kill-supervisor
	[[ $stderr == 'ptwrap: the supervisor died: '* ]]
	report_is 'any(.coverage.notes[]; .kind == "ptwrap-signalled" and .process == 1)'
}

@test "whoever stops the supervisor is named, and the tree ended by the watchdog" {
	run -125 --separate-stderr "$PTWRAP" -q -o run.json "$PROGRAMS/hostile" stop-supervisor
	[[ $stderr == 'ptwrap: the supervisor is stuck: it was stopped'* ]]
	report_is 'any(.coverage.notes[]; .kind == "ptwrap-signalled" and .process == 1)'
}

@test "whoever kills the launcher is named by the supervisor, which ends the tree" {
	run "$PROGRAMS/reaper" "$PTWRAP" -q -o run.json "$PROGRAMS/hostile" kill-launcher
	same status 137 "$status"
	report_is 'any(.coverage.notes[]; .kind == "ptwrap-signalled" and .process == 1) and .exit.signal == "SIGKILL"'
}

@test "other signals do nothing to the supervisor" {
	audit "$PROGRAMS/hostile" poke
	same status 0 "$status"
	report_is '.coverage.complete and any(.coverage.notes[]; .kind == "ptwrap-signalled")'
}

@test "to a program of the same user ptwrap's processes show neither environment nor descriptors" {
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	cp "$PTWRAP" ptwrap
	chmod 777 . ptwrap
	run "${as[@]}" ./ptwrap -q -o run.json sh -c '
		tracer=$(awk "/^TracerPid:/ { print \$2 }" /proc/self/status)
		for process in $PPID $tracer; do
			[ -d /proc/$process ] && ! cat /proc/$process/environ && ! ls /proc/$process/fd || echo seen
		done'
	same status 0 "$status"
	same refusals 4 "$(grep -c 'Permission denied' <<<"$output")"
	same lines 4 "${#lines[@]}"
}
