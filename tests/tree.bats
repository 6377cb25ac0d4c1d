#!/usr/bin/env bats
# Every process and thread of the tree, however it was made and however it ended, stands in the report, once.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# births [OPTION] HOW [COUNT]: runs the program of that name; each pair that it printed, and no other, is in the report.
births() {
	local options=()
	[[ $1 != -* ]] || { options=("$1"); shift; }
	audit "${options[@]}" "$PROGRAMS/births" "$@"
	same status 0 "$status"
	same births "$(sort <<<"$output")" "$(report '.processes as $all | .processes[] | select(.parent) |
		"\(.pid) \($all[.parent - 1].pid)"' | sort)"
	all_ended
}

# all_ended: of every process the report has the end, and of the run that nothing was missed.
all_ended() {
	report_is 'all(.processes[]; .exit != null and .end_ns >= .start_ns)'
	report_is '.coverage.complete'
}

@test "a child is its parent's, however it was made" {
	local how
	for how in fork vfork clone silent-clone ptraced-clone clone3 spawn; do
		births "$how" 20
	done
}

@test "children of four racing threads are all their process's" {
	births racing-threads 200
	report_is '.totals.processes == 801'
}

@test "a thousand processes that all make others at once are all told" {
	births doubling 10
	births --no-shim doubling 10
}

@test "who calls without end keeps no other waiting" {
	local option
	for option in --level=exec --level=audit --no-shim; do
		audit "$option" timeout 60 "$PROGRAMS/threads" busy 8
		same "stdout with $option" 'done' "$output"
		report_is '.totals.processes == 102'
		all_ended
	done
}

@test "two hundred threads that a fault ends, and their core, are out of nobody's way" {
	local native option
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:disable_coredump=0
	ulimit -c unlimited
	native=$("$PROGRAMS/outcome" "$PROGRAMS/threads" fault 200)
	for option in --level=exec --level=audit --level=all --no-shim; do
		audit "$option" "$PROGRAMS/outcome" "$PROGRAMS/threads" fault 200
		same "outcome with $option" "$native" "$output"
		report_is '.processes | length == 2 and .[1].threads == 201 and .[1].exit.signal == "SIGSEGV"'
		all_ended
	done
}

@test "at level exec the tree is the same" {
	local how
	for how in fork vfork clone clone3 spawn sister racing-threads; do
		births --level=exec "$how" 20
	done
}

@test "processes are numbered in the order of birth" {
	births fork 50
	report_is '[.processes[].id] == [range(1; 52)]'
	report_is '[.processes[].start_ns] == ([.processes[].start_ns] | sort)'
}

@test "an orphan is told by who made it, not by who inherited it" {
	births --wait-all orphan
}

@test "a sister made by CLONE_PARENT is the caller's, and the parent's by ppid" {
	births sister
	report_is '.processes | length == 3 and .[2].parent == 2 and .[2].ppid == .[0].pid'
}

@test "a child made by clone with CLONE_UNTRACED is followed, and the report says so" {
	births untraced-clone 3
	report_is '.coverage.notes | map(select(.kind == "untraced-clone")) | length == 1'
}

@test "two thousand threads are one process" {
	audit "$PROGRAMS/threads" many 2000
	same status 0 "$status"
	report_is '.totals.processes == 1 and .totals.threads == 2001 and .processes[0].threads == 2001'
	all_ended
}

# grows TIMES COMMAND: by how many bytes the supervisor is larger after so many than before, when some have filled its buffers.
grows() {
	cat >grows.sh <<-'EOS'
		supervisor=$(sed -n 's/^TracerPid:\t//p' /proc/$$/status)
		resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$supervisor/status"; }
		repeat() { i=0; while [ $i -lt "$1" ]; do eval "$2"; i=$((i + 1)); done; }
		repeat "$3" "$2"
		before=$(resident)
		repeat "$1" "$2"
		echo $((($(resident) - before) * 1024))
	EOS
	"$PTWRAP" -q -o run.json sh grows.sh "$1" "$2" $(($1 / 10 + 1))
}

@test "the supervisor keeps less than 4 KiB a process, and 512 bytes a thread that has ended" {
	local slack=$((512 * 1024)) bytes
	[ "${MODE:-}" != asan ] || skip 'the sanitizer keeps what is freed'
	bytes=$(grows 5000 /bin/true)
	[ "$bytes" -lt $((5000 * 4096)) ] || same 'bytes for 5,000 processes' "< $((5000 * 4096))" "$bytes"
	report_is '.totals.processes > 5500 and .coverage.complete'
	bytes=$(grows 2 "$PROGRAMS/threads many 2000 >&2")
	[ "$bytes" -lt $((4000 * 512 + slack)) ] || same 'bytes for 4,000 threads' "< $((4000 * 512 + slack))" "$bytes"
	all_ended
}

@test "the supervisor keeps less than 16 bytes a file use" {
	local bytes
	[ "${MODE:-}" != asan ] || skip 'the sanitizer keeps what is freed'
	bytes=$(grows 1000000 '[ -e "/missing/$i" ]')
	[ "$bytes" -lt 16000000 ] || same 'bytes for 1,000,000 uses' '< 16000000' "$bytes"
	same names 1000000 "$(report '[.files[] | select(.path | startswith("/missing/"))] | length')"
	report_is '.coverage.complete'
}

@test "a process lives on after its leader has ended" {
	audit "$PROGRAMS/threads" leaderless
	same status 7 "$status"
	same stdout 'the leader has ended' "$output"
	report_is '.processes | length == 1 and .[0].exit.code == 7 and .[0].threads == 2'
	all_ended
}

@test "a thread that executes a program takes the leader's place" {
	local how
	for how in exec-living exec-leaderless; do
		audit "$PROGRAMS/threads" "$how"
		same status 0 "$status"
		same stdout 'done' "$output"
		report_is '.processes | length == 1 and (.[0].execs | map(.argv[0]) == [$me, "echo"])' --arg me "$PROGRAMS/threads"
		all_ended
	done
}

@test "of a hundred threads that execute at once one wins" {
	local round
	for round in 1 2 3 4 5; do
		audit "$PROGRAMS/threads" exec-race 100
		same "stdout of round $round" 'done' "$output"
		report_is '.processes | length == 1 and (.[0].execs | length == 2)'
		all_ended
	done
}

@test "processes killed at any moment can be waited for, and stand in the report" {
	local level
	for level in exec audit all; do
		audit --level "$level" "$PROGRAMS/storm" kill 60
		same "stdout at level $level" 60 "$output"
		report_is '[.processes[] | select(.parent == 1 and .exit.signal == "SIGKILL")] | length >= 60'
		all_ended
	done
}

@test "a child whose maker ends, or executes a program, before it can tell of it is not held up" {
	local how
	for how in exit exec; do
		audit "$PROGRAMS/storm" "$how" 100
		same "stdout of $how" 100 "$output"
		report_is '[.processes[] | select(.parent == 1)] | length == 100'
		all_ended
	done
}

@test "pids that are used again are new processes" {
	run unshare -Urpf --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max'
	[ "$status" -eq 0 ] || skip 'needs a pid namespace with a pid_max of its own'
	run unshare -Urpf --mount-proc bash -c 'echo 400 >/proc/sys/kernel/pid_max &&
		"$PTWRAP" -q -o run.json "$PROGRAMS/births" fork 1500'
	same status 0 "$status"
	report_is '.totals.processes == 1501 and all(.processes[1:][]; .parent == 1)'
	report_is '[.processes[].pid] | length > (unique | length)'
	all_ended
}

@test "the dying init of a pid namespace takes its members along, and nothing hangs" {
	run unshare -Upf true
	[ "$status" -eq 0 ] || skip 'needs a pid namespace'
	# They have begun, and make no call when they are killed.
	audit unshare -Urpf sh -c 'mkfifo begun; exec 3<>begun
		for i in 1 2; do sh -c "echo >&3; while :; do :; done" & done
		read -r i <&3; read -r i <&3; exit 3'
	same status 3 "$status"
	report_is '[.processes[] | select(.exit.signal == "SIGKILL")] | length == 2'
	all_ended
}

@test "parents and children see each other, and wait, as they would" {
	local what option
	for what in orphan subreaper death waits failures; do
		local native
		native=$("$PROGRAMS/kin" "$what" | sort)
		[ "$(wc -l <<<"$native")" -ge 2 ]
		for option in --level=audit --level=all --level=exec; do
			same "$what under $option" "$native" "$(timeout 60 "$PTWRAP" -q "$option" "$PROGRAMS/kin" "$what" | sort)"
		done
	done
}

@test "usage is a process's own where it has no children, and with them where it has" {
	audit sh -c 'sh -c "i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done"; :'
	report_is '.processes[1].usage | .user_ns > 0 and .max_rss_bytes > 0 and .user_ns_with_children == .user_ns'
	report_is '.processes[0].usage | (has("user_ns") or has("system_ns") | not)'
	report_is '.processes[0].usage.user_ns_with_children >= .processes[1].usage.user_ns'
}

@test "the report says on which machine, by whom and when COMMAND ran" {
	local before after
	before=$(date -u +%FT%T.%NZ)
	audit true
	after=$(date -u +%FT%T.%NZ)
	report_is '.host == {name: $name, kernel: $kernel, arch: $arch, cpus: $cpus, uid: $uid}' --arg name "$(uname -n)" \
		--arg kernel "$(uname -r)" --arg arch "$(uname -m)" --argjson cpus "$(getconf _NPROCESSORS_ONLN)" --argjson uid "$(id -u)"
	report_is '.started >= $before and .started <= $after and .elapsed_ns > 0' --arg before "$before" --arg after "$after"
}

@test "a child made by clone3 with CLONE_UNTRACED gets ENOSYS from traced calls" {
	same native made "$("$PROGRAMS/births" untraced-clone3)"
	rmdir made
	same wrapped ENOSYS "$("$PTWRAP" -q "$PROGRAMS/births" untraced-clone3)"
	[ ! -e made ]
}

@test "a stop costs at most half as much again with eight thousand idle threads" {
	[ "$(ulimit -u)" = unlimited ] || [ "$(ulimit -u)" -gt 20000 ] || skip 'needs 8,000 threads'
	local round few=999999999 many=999999999 took
	# The least that it ever took: others use this machine too.
	for round in {1..24}; do
		took=$("$PTWRAP" -q --no-shim "$PROGRAMS/stops" 8)
		[ "$took" -ge "$few" ] || few=$took
		took=$("$PTWRAP" -q --no-shim "$PROGRAMS/stops" 8000)
		[ "$took" -ge "$many" ] || many=$took
		[ $((many * 2)) -gt $((few * 3)) ] || return 0
	done
	same 'nanoseconds a stop, with 8 and with 8000 threads' "$few" "$many"
}
