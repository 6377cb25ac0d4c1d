#!/usr/bin/env bats
# Whoever of ptwrap's own processes is killed or stopped, at whatever moment: the tree does not run on unseen, and
# what was seen until then is kept.

bats_require_minimum_version 1.5.0
load helper

# start [OPTION]...: runs ptwrap on a tree that would live on, and first does what $first says; sets launcher,
# supervisor and command.
start() {
	local child
	mkfifo ready ended
	cat ended 3>&- &
	reader=$!
	"$PTWRAP" "$@" sh -c "${first:-:}; sleep 1000 & echo >ready; wait" 9>ended 3>&- &
	launcher=$!
	read -r _ <ready
	for child in $(<"/proc/$launcher/task/$launcher/children"); do
		if [ "$(<"/proc/$child/comm")" == ptwrap ]; then supervisor=$child; else command=$child; fi
	done
}

# all_end: returns when all of the run's processes have ended, for they hold ended open; sets status, the launcher's.
all_end() {
	status=0
	wait "$launcher" || status=$?
	wait "$reader"
	rm ready ended
}

# kill_both: at one moment. The launcher, stopped, cannot make use of that between the two signals.
kill_both() {
	kill -STOP "$launcher"
	kill -KILL "$supervisor" "$launcher"
}

@test "with its supervisor killed the tree ends, and the report holds what was committed" {
	start -q -o run.json 2>err
	until grep -qa 'echo >ready' run.json.ptw.part; do :; done
	kill -KILL "$supervisor"
	all_end
	same status 125 "$status"
	[[ $(<err) == 'ptwrap: the supervisor died: '* ]]
	report_is '.exit == null and .processes[0].execs[0].argv[0] == "sh"'
	report_is '.coverage | (.complete | not) and any(.notes[]; .kind == "unfinished")'
	same 'part files' '' "$(compgen -G '*.part')"
}

@test "with its supervisor killed what nobody had read yet is in the report" {
	[ "${VIEW:-}" != kernel ] || skip 'the tree has no ring'
	mkfifo go
	{ until grep -qa 'echo >ready' run.json.ptw.part; do :; done; echo >go; } 2>/dev/null 3>&- &
	first='read -r _ <go; test -e /never/seen' start -q -o run.json 2>err
	kill -KILL "$supervisor"
	all_end
	same status 125 "$status"
	report_is 'any(.files[]; .path == "/never/seen" and .ops == ["missing"])'
}

@test "with its launcher killed the supervisor ends the tree and writes the reports" {
	start -q -o run.json -o run.ptw
	kill -KILL "$launcher"
	all_end
	same status 137 "$status"
	report_is '.exit.signal == "SIGKILL" and (.coverage.complete | not)'
	report_is 'any(.coverage.notes[]; .kind == "launcher-died")'
	"$PTWRAP" -q --read run.ptw -o again.json
	cmp run.json again.json
	same 'part files' '' "$(compgen -G '*.part')"
}

@test "with both killed the tree ends, and --read says that the end is missing" {
	start -q -o run.json
	kill_both
	all_end
	same status 137 "$status"
	[ ! -e run.json ]
	run --separate-stderr "$PTWRAP" -q --read run.json.ptw.part -o run.json
	same status 125 "$status"
	[[ $stderr == 'ptwrap: run.json.ptw.part: the recording has no end: '* ]]
	report_is '.command[0] == "sh" and any(.coverage.notes[]; .kind == "unfinished")'
}

@test "what a killed run left of the shim is removed by the next one" {
	start -q
	local shim
	shim=$(awk '/shim\.so/ { print $NF; exit }' "/proc/$command/maps")
	[ -n "$shim" ] || skip 'the shim is not in use here'
	kill_both
	all_end
	[ -e "$shim" ]
	"$PTWRAP" -q true
	[ ! -e "${shim%/*}" ]
}

@test "a supervisor that somebody stopped is continued" {
	mkfifo ready go
	"$PTWRAP" -q sh -c 'echo >ready; read -r x <go; true | cat; exit 7' 3>&- &
	local launcher=$! child
	read -r _ <ready
	for child in $(<"/proc/$launcher/task/$launcher/children"); do
		[ "$(<"/proc/$child/comm")" != ptwrap ] || kill -STOP "$child"
	done
	echo >go
	local status=0
	wait "$launcher" || status=$?
	same status 7 "$status"
}

@test "an ordinary run leaves nothing behind" {
	mkdir tmp
	TMPDIR=$PWD/tmp "$PTWRAP" -q sh -c 'true; true'
	TMPDIR=$PWD/tmp "$PTWRAP" -q -o run.json -o run.ptw sh -c 'exit 1' || true
	same files 'run.json run.ptw tmp' "$(echo *)"
	same 'temporary files' '' "$(ls -A tmp)"
}
