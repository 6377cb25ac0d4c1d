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

# switches PID: how often its threads have run or been made to wait, together.
switches() {
	cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { sum += $2 } END { print sum }'
}

@test "an idle daemon costs nothing" {
	mkfifo go started never
	"$PTWRAP" -q sh -c '(setsid sh -c "echo \$\$ >started; read x <go" <&- >/dev/null 2>&1 3>&- &) ; read daemon <started; echo $daemon >daemon'
	local supervisor before round
	supervisor=$(awk '/^TracerPid:/ { print $2 }' "/proc/$(<daemon)/status")
	exec 7<>never
	for ((round = 0; round < 100; round++)); do # its own work at the end is over at some time
		before=$(switches "$supervisor")
		read -r -t 0.3 -u 7 || :
		[ "$before" != "$(switches "$supervisor")" ] || break
	done
	read -r -t 1.2 -u 7 || :
	same 'times that the supervisor ran' "$before" "$(switches "$supervisor")"
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

@test "at level exec what is still being loaded is let go too, and is not stopped" {
	mkdir libraries
	mkfifo libraries/libc.so.6 told
	exec 7<>libraries/libc.so.6 # which the loader passes over, if it is of 32 bits
	"$PTWRAP" -q --level exec sh -c 'LD_LIBRARY_PATH=$PWD/libraries sh -c "echo ran >told" &
		until grep -q pipe_read /proc/$!/wchan; do :; done' <&- >/dev/null 2>&1 3>&- 7>&-
	{ printf '\177ELF\1\1\1'; head -c 1000 /dev/zero; } >&7
	same told ran "$(timeout 20 cat told)"
}

@test "a daemon that waits for its vfork child when the audit ends goes on, as does that child" {
	mkfifo told go
	local level
	for level in exec audit all; do
		timeout 60 "$PTWRAP" -q --level "$level" "$PROGRAMS/kin" asleep told go <&- >/dev/null 3>&-
		same 'the child is' asleep "$(timeout 20 cat told)"
		timeout 20 sh -c 'echo >go'
		same 'the child has' 'ended with 7' "$(timeout 20 cat told)"
	done
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

# tells HOW PREFIX...: what tally tells of signals to its group, and then to its pid; PREFIX as in setsid PREFIX tally.
tells() {
	local how=$1 signal line
	shift
	rm -f words
	mkfifo words
	setsid "$@" "$PROGRAMS/tally" "$how" words 3>&- &
	ptwrap=$!
	exec 7<words
	read -r -t 20 -u 7 line
	for signal in TERM HUP INT USR1; do
		kill -"$signal" -- "-$ptwrap"
		read -r -t 20 -u 7 line
		echo "${line/% $BASHPID/ sender}"
	done
	for signal in ABRT PIPE CONT RTMIN+1 RTMIN+1 RTMIN+2; do
		kill -s "$signal" "$ptwrap"
	done
	kill -s RTMAX "$ptwrap" # delivered last
	while read -r -t 20 -u 7 line; do echo "${line/% $BASHPID/ sender}"; done
	exec 7<&-
	wait "$ptwrap" || echo "status $?"
}

@test "COMMAND gets each signal as often as unwrapped, from who sent it, however it takes signals" {
	local how
	for how in handler sigwait signalfd; do
		tells "$how" env | sort >native
		tells "$how" "$PTWRAP" -q | sort >wrapped
		same 'lines told' 12 "$(wc -l <native)"
		# Only a handler is given what the supervisor has put right.
		[ "$how" = handler ] || sed -i 's/ [a-z?]* / /' native wrapped
		same "told by $how" "$(<native)" "$(<wrapped)"
	done
}

@test "COMMAND that has left the group is not given what the group is" {
	mkfifo words
	setsid bash -c 'trap : USR1; "$@" & echo $! >pid; wait; wait' - "$PTWRAP" -q "$PROGRAMS/tally" handler words apart 3>&- &
	local group=$! line
	exec 7<words
	read -r -t 20 -u 7 line
	kill -USR1 -- "-$group"
	kill -s RTMAX "$(<pid)"
	read -r -t 20 -u 7 line
	[[ $line == 'RT30 user '* ]] || same 'first word' RT30 "$line"
	wait "$group"
}

@test "timers, pending signals, the death signal and being a subreaper are handed on" {
	"$PROGRAMS/heir" "$PROGRAMS/self" >native
	grep -q 'signal 28: .* pending' native
	"$PROGRAMS/heir" "$PTWRAP" -q "$PROGRAMS/self" >wrapped
	same 'what is seen' "$(grep -E '^(timer|signal|control)' native)" "$(grep -E '^(timer|signal|control)' wrapped)"
	same outcome 'signal 14' "$("$PROGRAMS/outcome" "$PROGRAMS/heir" -a "$PTWRAP" -q sleep 1000)"
	same 'inherited by COMMAND' "$("$PROGRAMS/heir" sh -c '(sh -c "exit 7" &); wait; echo $?')" \
		"$("$PROGRAMS/heir" "$PTWRAP" -q sh -c '(sh -c "exit 7" &); wait; echo $?')"
}

@test "COMMAND stopped and continued by its own child ends, and ptwrap with it" {
	run timeout -s KILL 60 "$PTWRAP" -q sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do
		for signal in STOP TSTP; do sh -c "kill -$signal \$PPID; kill -CONT \$PPID"; done; done; exit 5'
	same status 5 "$status"
}

@test "a storm of stops loses no continuation" {
	local round
	mkfifo go
	setsid "$PTWRAP" -q sh -c 'read x <go; exit 6' 3>&- &
	ptwrap=$!
	exec 7>go
	for ((round = 0; round < 200; round++)); do
		kill -STOP -- "-$ptwrap"
		kill -CONT -- "-$ptwrap"
		kill -TSTP -- "-$ptwrap"
		kill -CONT -- "-$ptwrap"
	done
	echo >&7
	timeout -s KILL 60 tail --pid="$ptwrap" -f /dev/null
	local status=0
	wait "$ptwrap" || status=$?
	same status 6 "$status"
}

@test "timeout(1) ends COMMAND, and the report is there" {
	run timeout 1 "$PTWRAP" -q -o run.json "$PROGRAMS/signals" dies 0
	same status 124 "$status"
	report_is '.exit.signal == "SIGTERM" and (.signals | map(select(.signal == "SIGTERM").count) == [1])'
}

# told COMMAND...: output and status, without pids.
told() {
	timeout 60 "$@" 2>&1 | sed -E 's/: +[0-9]+ /: /'
	echo "${PIPESTATUS[0]}"
}

@test "timeout, nohup, setsid, xargs and a script's job control do inside what they do outside" {
	local script scripts=(
		'timeout 0.2 sleep 1000; echo $?; timeout -s KILL 0.2 sleep 1000; echo $?; timeout 20 sh -c "exit 3"; echo $?'
		'timeout --foreground 0.2 sleep 1000; echo $?; timeout -k 0.2 0.2 sh -c "trap : TERM; while :; do sleep 1000; done"; echo $?'
		'nohup sh -c "kill -HUP \$\$; echo survived" </dev/null 2>/dev/null'
		'setsid sh -c "ps -o sid= -p \$\$ | tr -d \" \" | grep -qx \$\$ && echo leads"; setsid -w sh -c "exit 4"; echo $?'
		'seq 40 | xargs -P 8 -n 1 sh -c "echo \$0; exit \$((\$0 % 3))" | sort -n; echo ${PIPESTATUS[1]}'
		'set -m; sleep 1000 & kill -STOP %1; until jobs -s | grep -q Stopped; do :; done; bg >/dev/null; kill %1; wait %1; echo $?'
		'sleep 1000 & kill $!; wait $!; echo $?; trap "echo usr" USR1; kill -USR1 $$; (kill -USR1 $$)'
		'coproc cat; echo word >&"${COPROC[1]}"; read -r -u "${COPROC[0]}" x; echo $x; kill $COPROC_PID; wait; echo $?'
		'trap "echo end" EXIT; trap "exit 7" TERM; kill $BASHPID; echo never'
		'(exec -a sleeper sleep 1000) & p=$!; disown; kill -9 $p; while kill -0 $p 2>/dev/null; do :; done; echo gone'
	)
	for script in "${scripts[@]}"; do
		same "output of $script" "$(told bash -c "$script")" "$(told "$PTWRAP" -q bash -c "$script")"
	done
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

@test "as init of a pid namespace ptwrap hands on what is sent from outside" {
	unshare -Urpf --mount-proc true || skip 'needs a pid namespace'
	mkfifo words
	unshare -Urpf --mount-proc "$PTWRAP" -q "$PROGRAMS/tally" handler words 3>&- &
	local outer=$! line init
	exec 7<words
	read -r -t 20 -u 7 line
	init=$(<"/proc/$outer/task/$outer/children")
	kill -TERM "${init% }"
	read -r -t 20 -u 7 line
	same 'what was given' 'TERM user 0' "$line"
	kill -s RTMAX "${init% }"
	wait "$outer" || same status 9 "$?"
}
