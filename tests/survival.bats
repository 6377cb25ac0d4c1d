#!/usr/bin/env bats
# Whoever of ptwrap's own processes is killed or stopped, at whatever moment: the tree does not run on unseen, and
# what was seen until then is kept.

bats_require_minimum_version 1.5.0
load helper

# tracer_of PID: who traces it, 0: nobody.
tracer_of() {
	awk '/^TracerPid:/ { print $2 }' "/proc/$1/status"
}

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
		[ "$(<"/proc/$child/comm")" == ptwrap ] || command=$child
	done
	supervisor=$(tracer_of "$command")
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

@test "with its launcher killed the supervisor writes what was learned" {
	start -q --learn p.policy
	kill -KILL "$launcher"
	all_end
	grep -q '^allow exec     /.*sleep  *# needed by ' p.policy
}

@test "with its supervisor killed a policy that was to be learned into stays as it was" {
	echo '# as it was' >p.policy
	start -q --learn p.policy 2>err
	kill -KILL "$supervisor"
	all_end
	same status 125 "$status"
	same p.policy '# as it was' "$(<p.policy)"
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
	[ "${VIEW:-}" != kernel ] || skip 'the shim is not in use here'
	start -q
	local shim
	shim=$(awk '/shim\.so/ { print $NF; exit }' "/proc/$command/maps")
	[ -n "$shim" ]
	kill_both
	all_end
	[ -e "$shim" ]
	"$PTWRAP" -q true
	[ ! -e "${shim%/*}" ]
}

@test "a supervisor that somebody stops for a while loses nothing" {
	mkfifo ready go
	"$PTWRAP" -q -o run.json sh -c 'echo $$ >ready; read -r x <go; true | cat; exit 7' 3>&- &
	local launcher=$! command supervisor
	read -r command <ready
	supervisor=$(tracer_of "$command")
	kill -STOP "$supervisor"
	echo >go
	kill -CONT "$supervisor"
	local status=0
	wait "$launcher" || status=$?
	same status 7 "$status"
	report_is '.coverage.complete'
}

# killed_build WHO: a build, whoever it is killed at a random moment of it; sets status, and flushed, a copy of what the
# recording's file held just before. Returns when every process of it has ended and could be waited for.
killed_build() {
	local child children launcher supervisor="" tracer moment reaper
	rm -rf project run.* flushed
	hello_project project
	"$PROGRAMS/reaper" "$PTWRAP" -q -o run.json -o run.ptw make -s -j2 -C project >out 2>err 3>&- &
	reaper=$!
	printf -v moment '0.%06d' $((RANDOM * 32768 % (build_us + build_us / 8)))
	read -r -t "$moment" _ <>silence || true
	read -r launcher _ <"/proc/$reaper/task/$reaper/children" || launcher=
	read -r children <"/proc/$launcher/task/$launcher/children" || children=
	for child in $children; do
		tracer=$(tracer_of "$child")
		[ "${tracer:-0}" -eq 0 ] || supervisor=$tracer
	done
	cp run.json.ptw.part flushed || : >flushed
	if [ -n "$supervisor" ]; then
		case $1 in
		launcher) kill -KILL "$launcher" ;;
		supervisor) kill -KILL "$supervisor" ;;
		both) kill_both ;;
		esac || true
	fi
	status=0
	wait "$reaper" || status=$?
} 2>/dev/null

# whole_or STATUS: the run had ended before, well; or it was killed, and has that status, and no call of its failed for it.
whole_or() {
	same 'calls that failed' '' "$(grep -i 'not implemented' err)"
	[ "$status" -ne 0 ] || return 1
	same status "$1" "$status"
}

# begins_with_flushed FILE: nothing of what was written is gone.
begins_with_flushed() {
	cmp -n "$(stat -c %s flushed)" flushed "$1"
}

# each_round WHO COMMAND: for so many builds as ROUNDS (the environment's) says, WHO is killed, and COMMAND must be true.
each_round() {
	local round build_us start=${EPOCHREALTIME/./}
	mkfifo silence
	hello_project project
	"$PTWRAP" -q make -s -j2 -C project >out
	build_us=$((${EPOCHREALTIME/./} - start))
	for ((round = 0; round < ${ROUNDS:-6}; round++)); do
		killed_build "$1"
		"$2" || {
			echo "round $round: status $status, $(ls)"
			return 1
		}
	done
}

supervisor_is_gone() {
	whole_or 125 || return 0
	begins_with_flushed run.ptw
	report_is '.command[0] == "make" and (.coverage.complete | not)'
	"$PTWRAP" -q --read run.ptw -o again.json 2>/dev/null || same '--read' 125 "$?"
	cmp run.json again.json
}

launcher_is_gone() {
	whole_or 137 || return 0
	[ -e run.json ] || [ ! -s flushed ] # killed before there was a supervisor, it leaves no more than the beginning
	[ ! -e run.ptw ] || begins_with_flushed run.ptw
	[ ! -e run.json ] || report_is '.command[0] == "make"'
}

both_are_gone() {
	local recording=run.json.ptw.part
	whole_or 137 || return 0
	[ -s flushed ] || return 0
	[ -e "$recording" ] || recording=run.ptw # they were about to go
	begins_with_flushed "$recording"
	"$PTWRAP" -q --read "$recording" -o run.json 2>/dev/null || same '--read' 125 "$?"
	report_is '.command[0] == "make"'
}

@test "the supervisor killed at any moment of a build: the tree ends, and what was written is in the report" {
	each_round supervisor supervisor_is_gone
}

@test "the launcher killed at any moment of a build: the tree ends, and the supervisor makes the report" {
	each_round launcher launcher_is_gone
}

@test "both killed at any moment of a build: the tree ends, and what was written can be read" {
	each_round both both_are_gone
}

@test "what a process says of itself is in the file while it waits" {
	mkfifo go
	"$PTWRAP" -q -o run.json sh -c 'name=where; [ -e "no$name" ]; read -r _ <go' 3>&- &
	timeout 5 sh -c 'until grep -qa nowhere run.json.ptw.part; do :; done' 2>/dev/null
	echo >go
	wait $!
	file_has "$PWD/nowhere" missing
}

@test "an ordinary run leaves nothing behind" {
	mkdir tmp
	TMPDIR=$PWD/tmp "$PTWRAP" -q sh -c 'true; true'
	TMPDIR=$PWD/tmp "$PTWRAP" -q -o run.json -o run.ptw sh -c 'exit 1' || true
	same files 'run.json run.ptw tmp' "$(echo *)"
	same 'temporary files' '' "$(ls -A tmp)"
}
