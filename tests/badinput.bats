#!/usr/bin/env bats
# Bad input gets one clear line, the documented status, and never a crash or a silent gap.

bats_require_minimum_version 1.5.0
load helper

# complains STATUS PART-OF-MESSAGE ARG...: ptwrap gives that status, and one line on standard error with that part.
complains() {
	local wanted=$1 part=$2
	shift 2
	run --separate-stderr "$PTWRAP" "$@"
	same "status of $*" "$wanted" "$status"
	same "lines of $*" 1 "${#stderr_lines[@]}"
	[[ $stderr == "ptwrap: "*"$part"* ]] || same message "$part" "$stderr"
}

# in_own_mounts COMMAND: runs it by sh where mounting disturbs nobody; skips where that is not permitted.
in_own_mounts() {
	local unshare=(unshare -m)
	[ "$(id -u)" -eq 0 ] || unshare=(unshare -Urm)
	"${unshare[@]}" mount -t tmpfs none "$PWD" || skip 'needs a mount namespace'
	"${unshare[@]}" sh -c "$1"
}

@test "--read says of any other file that it is no recording" {
	: >empty.ptw
	echo '{}' >text.ptw
	complains 125 'text.ptw: no recording' -q --read text.ptw
	complains 125 'empty.ptw: no recording' -q --read empty.ptw -o run.json
	complains 125 'null: no recording' -q --read /dev/null
	[ ! -e run.json ]
}

@test "--read says of a pipe what it would of the file" {
	printf x >text.ptw
	complains 125 'standard input: no recording' -q --read - <text.ptw
	complains 125 '/dev/stdin: no recording' -q --read /dev/stdin < <(cat text.ptw)
	run -125 sh -c '"$PTWRAP" -q --read - <&-'
	same 'closed input' 'ptwrap: standard input: Bad file descriptor' "$output"
}

@test "of a recording cut at any length --read reports the beginning, says so, and fails" {
	"$PTWRAP" -q -o run.ptw sh -c 'true; true'
	local size length
	size=$(stat -c %s run.ptw)
	for ((length = 1; length < size; length += 61)); do
		head -c "$length" run.ptw >cut.ptw
		complains 125 cut.ptw -q --read cut.ptw -o json:cut
		[ ! -e cut ] || jq -e '.coverage.complete == false' cut >/dev/null
	done
}

@test "a damaged byte anywhere in a recording is noticed" {
	"$PTWRAP" -q -o run.ptw true
	local size at byte
	size=$(stat -c %s run.ptw)
	for ((at = 0; at < size; at += 37)); do
		byte=$(dd if=run.ptw bs=1 skip="$at" count=1 status=none | od -An -tu1)
		cp run.ptw bad.ptw
		printf '%b' "\\x$(printf %02x $((byte ^ 0x40)))" | dd of=bad.ptw bs=1 seek="$at" conv=notrunc status=none
		complains 125 bad.ptw -q --read bad.ptw -o bad.json
	done
}

@test "an unknown user is named, and COMMAND does not run" {
	needs_root
	complains 125 "--user: 'no-such-user': no such user" -u no-such-user touch ran
	[ ! -e ran ]
}

@test "a set that names nothing is refused" {
	complains 125 "no system call named in ','" -e , true
	complains 125 "no system call named in '!,'" -e '!,' true
}

@test "without /proc COMMAND does not run" {
	[ "${MODE:-}" != asan ] || skip "the sanitizer's runtime itself needs /proc"
	run in_own_mounts "mount -t tmpfs none /proc && exec '$PTWRAP' touch ran"
	same status 125 "$status"
	[[ $output == *'/proc is not mounted, or not readable: mount -t proc'* ]]
	[ ! -e ran ]
}

@test "on a full disk the message names the file, and what fits of the recording is kept" {
	run in_own_mounts "mount -t tmpfs -o size=64k none . && cd \"\$PWD\" &&
		'$PTWRAP' -q -o run.json sh -c 'for i in \$(seq 100); do cat /dev/null; done'
		echo \"status \$?\"; ls; '$PTWRAP' -q --read run.json.ptw.part -o json:/dev/null; echo \"status \$?\""
	[[ $output == *'ptwrap: run.json: No space left on device'*'status 125'*run.json.ptw.part*'status 125' ]]
}

@test "a disk that COMMAND fills up, or takes away, does COMMAND no harm" {
	mkdir disk
	run in_own_mounts "mount -t tmpfs -o size=200k none disk && { '$PTWRAP' -q -o disk/run.json sh -c '
		head -c 1M /dev/zero >disk/fill; for i in \$(seq 300); do cat /dev/null; done; echo well'; echo \"status \$?\"; rm disk/fill
		'$PTWRAP' -q --read disk/run.json.ptw.part -o json:/dev/null; echo \"status \$?\"; }"
	[[ $output == *well*'ptwrap: disk/run.json: No space left on device'*'status 125'*'ptwrap: disk/run.json.ptw.part: '*'status 125' ]]
	run in_own_mounts "mount -t tmpfs none disk && { '$PTWRAP' -q -o disk/run.json umount -l disk; echo \"status \$?\"; ls disk; }"
	[[ $output == 'status 0'$'\n'run.json || $output == 'ptwrap: disk/run.json: '*'status 125' ]]
}

@test "RLIMIT_FSIZE makes a failure, not a death" {
	run bash -c 'ulimit -f 8; exec "$PTWRAP" -q -o run.json bash -c "for i in {1..40}; do cat /dev/null; done"'
	same status 125 "$status"
	[[ $output == *'ptwrap: run.json: File too large'* ]]
}

@test "a folder that COMMAND removed is a failure of its report alone" {
	mkdir folder
	run -125 --separate-stderr "$PTWRAP" -q -o run.json -o folder/run.txt rmdir folder
	[[ $stderr == 'ptwrap: folder/run.txt: No such file or directory'* ]]
	report_is '.exit.code == 0'
}

@test "in a folder that was removed ptwrap runs, and knows where it was" {
	mkdir gone
	(cd gone && rmdir ../gone && "$PTWRAP" -q -o "$BATS_TEST_TMPDIR/run.json" true)
	report_is '.cwd == $gone and .processes[0].execs[0].cwd == $gone' --arg gone "$PWD/gone"
}

@test "--max-size never makes a report say what was not seen" {
	"$PTWRAP" -q --max-size 1K -o run.json sh -c 'for i in 1 2 3 4 5 6 7 8 9; do cat /dev/null; done'
	report_is '.coverage.truncated.exit > 0 and (.coverage.complete | not)'
	report_is 'all(.coverage.notes[]; .kind != "outlived")'
}

@test "--max-size cuts calls first, and of a run all of which was cut the summary says so" {
	env -i PATH=/usr/bin:/bin ASAN_OPTIONS="$ASAN_OPTIONS" \
		"$PTWRAP" -q -l all --max-size 8K -o run.json sh -c 'for i in 1 2 3 4 5; do cat /dev/null; done'
	report_is '.coverage.truncated | .syscall > 0 and .exit == null and .fork == null'
	run -3 --separate-stderr "$PTWRAP" --max-size 1 sh -c 'exit 3'
	[[ ${stderr_lines[-1]} == '  not seen   records were lost or cut by the size limit' ]]
	run -3 --separate-stderr "$PTWRAP" -v --max-size 1 sh -c 'exit 3'
	[[ ${stderr_lines[-1]} == '  not seen   records were lost or cut by the size limit' ]]
}

@test "names that would drive a terminal reach none" {
	needs python3
	local name=$'a\nb\e[31m\x7f\u009b31m\u202ec'
	"$PTWRAP" -q -o run.json -o run.ndjson -o run.txt -o run.strace touch "$name"
	file_has "$PWD/$name" create
	python3 -c 'import json; [json.loads(line) for line in open("run.ndjson")]'
	same 'control characters' '' "$(cat run.json run.ndjson run.txt run.strace | LC_ALL=C tr -d '\n' | grep -aoP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]')"
	complains 125 'No such file' -o "nowhere/$name.json" true
	same 'control characters of the message' '' "$(LC_ALL=C grep -aoP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$stderr")"
}
