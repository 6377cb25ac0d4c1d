#!/usr/bin/env bats
# ptwrap ends as COMMAND ends, when it ends, and stands in the way of nothing: input, output, signals, daemons.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# What `started` left, if a test failed.
teardown() {
	[ -z "${ptwrap:-}" ] || kill -KILL "$ptwrap" 2>/dev/null || :
}

# outcome [OPTION]... COMMAND...: how ptwrap ended, as its parent saw it.
outcome() {
	"$PROGRAMS/outcome" "$PTWRAP" -q "$@"
}

@test "the exit status is COMMAND's" {
	local status
	for status in 0 1 2 77 125 126 127 128 137 255; do
		same outcome "exit $status" "$(outcome sh -c "exit $status")"
	done
}

@test "a fatal signal kills ptwrap by the same signal, with one core at most" {
	local signal
	ulimit -c 0
	for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ SYS; do
		same "outcome of $signal" "signal $(kill -l "$signal")" "$(outcome "$PROGRAMS/signals" dies "$(kill -l "$signal")")"
	done
}

@test "a stop of COMMAND is a stop of ptwrap, and SIGCONT continues both" {
	local signal
	for signal in STOP TSTP TTIN TTOU; do
		same outcome "stop $(kill -l "$signal")"$'\n'"woke"$'\n'"exit 4" \
			"$(outcome bash -c "kill -$signal \$\$; echo woke; exit 4")"
	done
}

@test "what is not found is 127, what cannot be executed 126" {
	: >plain
	mkdir folder
	local command
	for command in missing ./missing ./plain/below; do
		run --separate-stderr "$PTWRAP" "$command"
		same "status of $command" 127 "$status"
		[[ $stderr == "ptwrap: $command: "* && ${#stderr_lines[@]} -eq 1 ]]
	done
	for command in ./plain ./folder; do
		run --separate-stderr "$PTWRAP" "$command"
		same "status of $command" 126 "$status"
		same message "ptwrap: $command: Permission denied" "$stderr"
	done
}

@test "a script whose interpreter is missing is 126" {
	printf '#!/nonexistent/interpreter\n' >script
	chmod +x script
	run -126 --separate-stderr "$PTWRAP" -q ./script
	same message 'ptwrap: ./script: its interpreter or loader: No such file or directory' "$stderr"
}

@test "a report that cannot be written whole is 125, whatever COMMAND did" {
	export TMPDIR=$PWD
	run -125 --separate-stderr "$PTWRAP" -q -o json:/dev/full true
	[[ $stderr == 'ptwrap: /dev/full: No space left on device'* ]]
	run -125 --separate-stderr "$PTWRAP" -q -o json:/dev/full sh -c 'exit 3'
	run -125 --separate-stderr "$PTWRAP" -q -o json:/dev/full sh -c 'kill -9 $$'
}

@test "input and output pass through untouched" {
	head -c 3000000 /dev/urandom >in
	"$PTWRAP" -q cat <in | cat >out
	cmp in out
	same 'bytes left' 2999990 "$( { "$PTWRAP" -q head -c 10 >/dev/null; wc -c; } <in)"
	same output $'out\nerr' "$("$PTWRAP" -q sh -c 'echo out; echo err >&2' 2>&1)"
}

@test "closed descriptors stay closed, open ones open" {
	# shellcheck disable=SC2012
	local list='ls -l /proc/self/fd >list; sed -n "s/.* \([0-9]* -> .*\)/\1/p" list | grep -v /proc/'
	same '0 closed' "$(bash -c "$list" <&- 3</ 8</dev/null)" "$("$PTWRAP" -q bash -c "$list" <&- 3</ 8</dev/null)"
	same '0 and 2 closed' "$(bash -c "$list" <&- 2>&-)" "$("$PTWRAP" -q bash -c "$list" <&- 2>&-)"
	bash -c "$list >native" <&- >&- 2>&-
	"$PTWRAP" -q bash -c "$list >wrapped" <&- >&- 2>&-
	same 'all closed' "$(<native)" "$(<wrapped)"
}

@test "a reader that goes away ends COMMAND, and ptwrap with it" {
	same output y "$("$PTWRAP" -q yes | head -n 1)"
}

@test "dispositions, mask, limits and ids are inherited as ever" {
	local look='grep -E "^(Sig(Blk|Ign|Cgt)|[UG]id|Groups|Umask|PPid|NSpgid|NSsid):" /proc/self/status | sed "s/^PPid.*/PPid/"; ulimit -a; cat /proc/self/oom_score_adj'
	same inherited "$(exec env --ignore-signal=USR1 --block-signal=ALRM,HUP nice bash -c "$look")" \
		"$(exec env --ignore-signal=USR1 --block-signal=ALRM,HUP nice "$PTWRAP" -q bash -c "$look")"
}

@test "a daemon left behind goes on, and ptwrap ends at once" {
	mkfifo go told
	audit sh -c '(setsid sh -c "read x <go; : >made; echo \$\$ >told" <&- >/dev/null 2>&1 3>&- &)'
	same status 0 "$status"
	report_is 'any(.coverage.notes[]; .kind == "outlived") and (.coverage.complete | not)'
	report_is 'any(.processes[]; .exit == null and .end_ns == null)'
	echo >go
	local daemon
	daemon=$(timeout 20 cat told)
	report_is 'any(.processes[]; .exit == null and .pid == $pid)' --argjson pid "$daemon"
	[ -e made ]
}

@test "the supervisor of a daemon holds nothing open, and goes with it" {
	mkfifo go started
	# The substitution ends only when nobody holds the pipe any more.
	same output ended "$("$PTWRAP" -q sh -c '(setsid sh -c "echo \$\$ >started; read x <go" <&- >/dev/null 2>&1 3>&- &) ; read daemon <started; echo $daemon >daemon; echo ended')"
	local supervisor
	supervisor=$(awk '/^TracerPid:/ { print $2 }' "/proc/$(<daemon)/status")
	[ "$supervisor" -gt 0 ]
	[ "$(id -u)" -ne 0 ] || same 'descriptors of the supervisor' '' "$(readlink "/proc/$supervisor/fd/"* | grep -vx /dev/null)"
	echo >go
	timeout 20 "$PROGRAMS/await_end" "$supervisor"
}

@test "at level exec a daemon is let go" {
	mkfifo go started
	"$PTWRAP" -q --level exec sh -c '(setsid sh -c "echo \$\$ >started; read x <go" <&- >/dev/null 2>&1 3>&- &) ; read daemon <started; echo $daemon >daemon'
	local supervisor
	supervisor=$(awk '/^TracerPid:/ { print $2 }' "/proc/$(<daemon)/status")
	[ "$supervisor" -eq 0 ] || timeout 20 "$PROGRAMS/await_end" "$supervisor"
	same TracerPid 0 "$(awk '/^TracerPid:/ { print $2 }' "/proc/$(<daemon)/status")"
	echo >go
}

@test "--wait-all ends with the last process" {
	mkfifo go
	echo >go &
	audit --wait-all sh -c '(setsid sh -c "read x <go; : >made" <&- >/dev/null 2>&1 &); exit 3'
	same status 3 "$status"
	[ -e made ]
	report_is 'all(.processes[]; .exit != null) and .coverage.complete'
	file_has "$PWD/made" create
}

# started [PREFIX]...: starts `waits` under ptwrap; what it writes comes from descriptor 7, $ptwrap and $command are pids.
started() {
	mkfifo words
	"$@" "$PTWRAP" -q -o run.json "$PROGRAMS/waits" words 3>&- &
	ptwrap=$!
	exec 7<words
	read -r -t 20 -u 7 _ command
}

# word: the next that it wrote.
word() {
	local word
	read -r -t 20 -u 7 word
	echo "$word"
}

@test "a signal to ptwrap is a signal to COMMAND, once" {
	started
	local signal
	for signal in TERM HUP INT USR1 QUIT; do
		kill -"$signal" "$ptwrap"
		same word "$signal" "$(word)"
	done
	kill -USR2 "$ptwrap"
	same word USR2 "$(word)"
	wait "$ptwrap" || same status 9 "$?"
	report_is '.signals | map([.signal, .count]) | sort == (["TERM", "HUP", "INT", "USR1", "QUIT", "USR2"] | map(["SIG" + ., 1]) | sort)'
}

@test "a signal to the whole group reaches COMMAND once" {
	started setsid
	local signal
	for signal in TERM HUP USR1; do
		kill -"$signal" -- "-$ptwrap"
		same word "$signal" "$(word)"
	done
	kill -USR2 "$command"
	same word USR2 "$(word)"
	wait "$ptwrap" || same status 9 "$?"
}

@test "timeout(1) ends COMMAND, and the report is there" {
	run timeout 1 "$PTWRAP" -q -o run.json "$PROGRAMS/signals" dies 0
	same status 124 "$status"
	report_is '.exit.signal == "SIGTERM" and (.signals | map(select(.signal == "SIGTERM").count) == [1])'
}

@test "as init of a pid namespace ptwrap reaps orphans and exits 128 + signal" {
	unshare -Urpf --mount-proc true || skip 'needs a pid namespace'
	same outcome 'exit 143' "$("$PROGRAMS/outcome" unshare -Urpf --mount-proc "$PTWRAP" -q sh -c 'kill $$')"
	same outcome 'exit 3' "$("$PROGRAMS/outcome" unshare -Urpf --mount-proc "$PTWRAP" -q sh -c 'exit 3')"
	mkfifo ended
	# The orphan tells that it ended by the end of the pipe; then none of its kind may be left as a zombie.
	same zombies 0 "$(unshare -Urpf --mount-proc "$PTWRAP" -q sh -c \
		'(sh -c "exec 9>ended" &); cat ended; n=0; while grep -q "^State:.Z" /proc/[0-9]*/status 2>/dev/null && [ $((n += 1)) -lt 1000 ]; do :; done; grep -c "^State:.Z" /proc/[0-9]*/status 2>/dev/null | grep -vc ":0$"')"
}
