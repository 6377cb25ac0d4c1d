#!/usr/bin/env bats
# What goes wrong in ptwrap itself, at each step in turn (tests/programs/libfault.c counts them): the run ends, in time,
# with the status that is documented, and nothing that is missing in the report is missing unsaid.
# STRIDE=1 takes each step; else so many are taken that it does not take long.

bats_require_minimum_version 1.5.0
load helper

# A sanitizer's runtime wants to be loaded first.
export ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0

# faulty FAULT [OPTION]... COMMAND: runs it with that fault under a process that ends when all of the run has; sets status
# and stderr, which has what COMMAND writes to descriptor 5 too. A run that hangs is given up after a while: status 124.
faulty() {
	rm -rf run.*
	status=0
	FAULT=$1 FAULT_STEPS=$PWD/steps LD_PRELOAD=$PROGRAMS/${lib:-libfault.so} timeout 60 \
		"$PROGRAMS/reaper" "$PTWRAP" -q "${@:2}" 2>stderr || status=$?
	stderr=$(<stderr)
}

# A small tree that prints ok, and ends with 3.
tree=(sh -c 'cat /etc/passwd | wc -l >lines; /bin/true && test -e /etc/group; echo ok; exit 3')

# steps CALL [MOST]: which steps of the supervisor's to try, of those that a run has: MOST, evenly, but that STRIDE says else.
steps() {
	local count stride
	faulty "supervisor:$1:0:none" -o run.json "${tree[@]}" >/dev/null
	same 'status without a fault' 3 "$status"
	count=$(<steps)
	[ "$count" -gt 20 ]
	stride=${STRIDE:-$((count / ${2:-20} + 1))}
	seq 1 "$stride" "$count"
}

# readable: run.json is a report, of a run that began with that command.
readable() {
	report_is '.command[0] == "sh" and (.coverage | has("complete"))'
}

@test "killed at any step of its loop, the supervisor takes the tree along and leaves a report" {
	local step
	for step in $(steps event); do
		faulty "supervisor:event:$step:kill" -o run.json -o run.ptw "${tree[@]}" >out
		[ "$status" -ne 3 ] || continue # it had told the end
		same "status at step $step" 125 "$status"
		[[ $stderr == *'ptwrap: the supervisor died: '* ]]
		readable
		report_is '(.coverage.complete | not) and any(.coverage.notes[]; .kind == "ptwrap-failed")'
		run "$PTWRAP" -q --read run.ptw -o again.json
		cmp run.json again.json
	done
}

@test "its launcher killed at any step of its loop, the supervisor ends the tree and leaves a report" {
	local step
	for step in $(steps event); do
		faulty "supervisor:event:$step:kill-launcher" -o run.json "${tree[@]}" >out
		[ "$status" -ne 3 ] || continue # it had gone
		same "status at step $step" 137 "$status"
		[ -e run.json ] || continue # it was to make it, and died of the step that came behind the end
		readable
	done
}

@test "both killed at any step leave a recording that can be read" {
	local step
	for step in $(steps event); do
		faulty "supervisor:event:$step:kill-both" -o run.json "${tree[@]}" >out
		[ "$status" -ne 3 ] || continue
		same "status at step $step" 137 "$status"
		[ ! -e run.json ]
		run "$PTWRAP" -q --read run.json.ptw.part -o run.json
		readable
	done
}

@test "whoever is killed before any request about it, the tree goes on and the report is made" {
	local step
	for step in $(steps event 40); do
		faulty "supervisor:event:$step:kill-tracee" -o run.json "${tree[@]}" >out
		[[ $status -eq 3 || $status -eq 137 || $stderr == *'cannot trace COMMAND'* ]]
		[[ $stderr == *'cannot trace COMMAND'* ]] || readable
	done
}

# stuck FAULT WHERE: the watchdog ends the run, and says where it stood.
stuck() {
	mkdir "$2"
	cd "$2" || return 1
	faulty "$1" -o run.json "${tree[@]}" >out
	same "status of $1" 125 "$status"
	[[ $stderr == *'ptwrap: the supervisor is stuck: '*" for 10 s, "*"(state $2)"* ]]
	readable
	report_is 'any(.coverage.notes[]; .kind == "ptwrap-failed" and (.text | test("for 10 s")))'
}

@test "a supervisor that was stopped, sleeps or turns in a circle is ended by the watchdog, which says where" {
	local pid pids=()
	(stuck supervisor:event:20:stop T) & pids+=($!)
	(stuck supervisor:event:21:sleep S) & pids+=($!)
	(stuck supervisor:event:22:spin R) & pids+=($!)
	for pid in "${pids[@]}"; do wait "$pid"; done
}

@test "a supervisor that runs out of memory at any moment ends no program, and reports no less than it says" {
	[ "${MODE:-}" != asan ] || skip "the sanitizer's allocator is its own"
	local step how lib=libscarce.so what='[([.processes[].execs[]? | [.path, .argv]] | sort), [.files[] | [.path, .ops]],
		[.syscalls[] | [.name, .calls]], .exit, ([.processes[] | [.parent, .exit]] | sort)]'
	rm -f lines
	faulty supervisor:memory:0:none -o run.json "${tree[@]}" >/dev/null
	report "$what" >native
	for step in $(steps memory 30); do
		for how in '' +; do
			rm -f lines
			faulty "supervisor:memory:$step$how:ENOMEM" -o run.json "${tree[@]}" >out
			[[ $stderr != *'cannot trace COMMAND: Cannot allocate memory'* ]] || continue
			[[ $stderr == 'ptwrap: '*': Cannot allocate memory' ]] || same "status at step $step$how ($stderr)" 3 "$status"
			same "output at step $step$how" ok "$(<out)"
			[ -e run.json ] || continue
			report_is '.coverage.complete' >/dev/null || continue
			same "report at step $step$how" "$(<native)" "$(report "$what")"
		done
	done
}

@test "a secret that could not be learned for want of memory reaches no report" {
	[ "${MODE:-}" != asan ] || skip "the sanitizer's allocator is its own"
	local step lib=libscarce.so tree=(sh -c 'read -r MY_TOKEN <token; export MY_TOKEN; /bin/ls "/nowhere/$MY_TOKEN"; exit 3')
	echo opensesame >token
	for step in $(steps memory 100); do
		faulty "supervisor:memory:$step:ENOMEM" --level all -o run.ptw -o run.ndjson "${tree[@]}" >out
		[ ! -e run.ndjson ] || same "secrets told at step $step" '' "$(grep -o '.\{40\}opensesame' run.ndjson)"
	done
}

@test "a secret that could not be learned for want of memory reaches no learned policy" {
	[ "${MODE:-}" != asan ] || skip "the sanitizer's allocator is its own"
	local step lib=libscarce.so tree=(sh -c 'read -r MY_TOKEN <token; export MY_TOKEN; /bin/true "$MY_TOKEN"; : >"x$MY_TOKEN"; exit 3')
	echo opensesame >token
	for step in $(steps memory 100); do
		rm -f p.policy
		faulty "supervisor:memory:$step:ENOMEM" -o run.json --learn p.policy "${tree[@]}" >out
		[ -e p.policy ] || continue
		! report_is 'any(.coverage.notes[]; .kind == "policy-unread")' >/dev/null || continue # no execve had it: it was refused
		same "secrets learned at step $step" '' "$(grep opensesame p.policy)"
	done
}

@test "a supervisor that gets no thread does their work itself" {
	faulty supervisor:thread:1+:EAGAIN -o run.json "${tree[@]}" >out
	same status 3 "$status"
	same stdout ok "$(<out)"
	report_is '.coverage.complete'
}

@test "a supervisor that may read the tree's memory by ptrace alone tells the same" {
	local error what='[([.processes[].execs[]? | [.path, .argv, .uid, .loader]] | sort), [.files[] | [.path, .ops]]]'
	rm -f lines
	faulty supervisor:peek:0:none -o run.json "${tree[@]}" >/dev/null
	report "$what" >native
	for error in EPERM EACCES ENOSYS; do
		rm -f lines
		faulty "supervisor:peek:1+:$error" -o run.json "${tree[@]}" >out
		same "status with $error" 3 "$status"
		same "report with $error" "$(<native)" "$(report "$what")"
		report_is '.coverage.complete and (.coverage.notes | map(.kind) == ["memory-by-ptrace"])'
	done
}

@test "where no process can be made the message says so, and COMMAND does not run" {
	local step
	for step in 2 3; do # the first is the witness, which a run can do without
		faulty "launcher:fork:$step:EAGAIN" -o run.json touch "$PWD/ran"
		same "status at step $step" 125 "$status"
		[[ $stderr == 'ptwrap: '*'Resource temporarily unavailable'* ]]
		[ ! -e ran ]
	done
	faulty launcher:fork:1:EAGAIN -o run.json touch "$PWD/ran"
	same 'status without a witness' 0 "$status"
	[ -e ran ]
}

@test "a recording that cannot be written any more is named, COMMAND goes on, and what was written can be read" {
	local error step
	for error in EIO ENOSPC; do
		for step in 1 2 3; do
			faulty "supervisor:pwrite:$step+:$error" -o run.json "${tree[@]}" >out
			same stdout ok "$(<out)"
			[ "$step" -le "$(<steps)" ] || continue # so often it was not written
			same "status at step $step" 125 "$status"
			[[ $stderr == *'ptwrap: run.json.ptw.part: '* ]]
			run --separate-stderr "$PTWRAP" -q --read run.json.ptw.part -o again.json
			same '--read' 125 "$status"
			[ -e again.json ]
		done
	done
}
