#!/usr/bin/env bats
# Whatever a pointer leads to, the call is recorded, fails as it would have, and nobody waits for anybody.

bats_require_minimum_version 1.5.0
load helper

# noted KIND: the report's coverage has a note of that kind.
noted() {
	report_is 'any(.coverage.notes[]; .kind == $kind)' --arg kind "$1"
}

# efaults: "COUNT NAME" of each call in the report that failed so.
efaults() {
	report '.syscalls[] | select(.errnos.EFAULT) | "\(.errnos.EFAULT) \(.name)"' | sort -k 2
}

@test "a pointer to nowhere gives EFAULT, and the call is in the report" {
	audit --level all "$PROGRAMS/memory" bad
	same status 0 "$status"
	[[ $output != *:* ]]
	same EFAULTs "$(sort <<<"$output" | uniq -c | awk '{ print $1, $2 }')" "$(efaults)"
	report_is '.coverage.complete'
	local all
	all=$(efaults | grep -vE ' (write|writev|uname|rt_sigaction)$')
	audit "$PROGRAMS/memory" bad
	same 'EFAULTs of those that audit asks for' "$all" "$(efaults)"
	report_is '.coverage.complete'
}

@test "an argument that leads to nowhere is told as its pointer, among the others" {
	audit --no-shim -o run.strace "$PROGRAMS/memory" bad
	grep 'execve("/bin/true", \["argv", 0x[0-9a-f]*000, "last"\], NULL) = -1 EFAULT' run.strace
	report_is .coverage.complete
}

@test "a path is read up to its end, and no further" {
	audit "$PROGRAMS/memory" edges
	same stdout $'./ending\n./across\nEFAULT\nENAMETOOLONG' "$output"
	file_has "$PWD/ending" missing
	file_has "$PWD/across" missing
	report_is 'any(.files[]; .path | test("beyond")) | not'
	report_is '.coverage.complete'
}

# served [OPTION]... WHAT: names in pages that the tree itself serves by userfaultfd are opened as ever.
served() {
	audit "${@:1:$#-1}" "$PROGRAMS/memory" "${@: -1}"
	[ "$status" -ne 77 ] || skip "needs root or vm.unprivileged_userfaultfd: $stderr"
	same stdout "./${*: -1}" "$output"
	file_has "$PWD/server" missing
}

@test "a path that another thread of the tree serves by userfaultfd is read, and stalls nobody" {
	local level
	for level in audit all; do
		served --level "$level" served
		file_has "$PWD/served" missing
		report_is '.coverage.complete'
	done
}

@test "arguments that another process of the tree serves by userfaultfd are read" {
	local level
	for level in audit all; do
		served --wait-all --level "$level" executed
		file_has "$PWD/executed" missing
		report_is '.processes[0].execs[1].argv == ["echo", "./executed"] and .coverage.complete'
	done
}

@test "a path that is withheld from ptwrap costs a while and a note, not the run" {
	served --no-shim withheld
	noted memory-slow
	report_is '.coverage.complete | not'
	report_is 'any(.syscalls[]; .name == "openat" and .errnos.ENOENT >= 1)'
}

@test "more processes at once than there are helpers, their memory withheld, end as ever, and later calls are told" {
	run "$PROGRAMS/memory" withheld
	[ "$status" -ne 77 ] || skip 'needs root or vm.unprivileged_userfaultfd'
	audit --no-shim sh -c 'for i in $(seq 20); do "$0" withheld & done; wait; : >late; exit 3' "$PROGRAMS/memory"
	same status 3 "$status"
	same stdout "$(yes ./withheld | head -n 20)" "$output"
	report_is '[.processes[] | select(.execs[].argv == [$program, "withheld"] and .comm == "memory" and .exit.code == 0)] |
		length == 20' --arg program "$PROGRAMS/memory"
	report_is '.coverage.notes | map(select(.kind == "memory-slow").process) | unique | length >= 20'
	file_has "$PWD/late" create
}

@test "a file system that a process of the tree serves by FUSE stalls nobody" {
	local level
	run unshare -Urm true
	[ "$status" -eq 0 ] || skip 'needs a user and a mount namespace'
	mkdir mnt
	for level in audit all; do
		audit --level "$level" unshare -Urm "$PROGRAMS/fuse" "$PWD/mnt"
		[ "$status" -ne 77 ] || skip "needs FUSE: $stderr"
		same stdout "$PWD/mnt/script" "$output"
		report_is '[.files[] | select(.path | startswith($mnt)) | "\(.path | ltrimstr($mnt)) \(.ops | join(" "))"] ==
			["/missing missing", "/script read exec"]' --arg mnt "$PWD/mnt"
		report_is '.coverage.complete'
	done
}

@test "a process that is not dumpable is survived, and noted where it cannot be read" {
	audit "$PROGRAMS/memory" private
	same status 0 "$status"
	same stdout $'./private\n./missing' "$output"
	if [ "$(id -u)" -ne 0 ]; then
		noted unreadable-memory
	else
		file_has "$PWD/private" create
		file_has "$PWD/missing" missing
	fi
}

# for_others: an ordinary user may execute what is here, by its whole path.
for_others() {
	chmod a+x "$BATS_RUN_TMPDIR"
	chmod 777 .
	cp "$PTWRAP" ptwrap
	cp /bin/echo own
}

# unread [OPTION]... COMMAND: runs it as an ordinary user; the last program that was executed is that user's ./own, with "hi".
unread() {
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	rm -f run.*
	run --separate-stderr "${as[@]}" ./ptwrap -q -o run.json -o run.strace "$@"
	same "output of $*" "hi $status" "$output 0"
	report_is '.processes[-1].execs[-1] | .path == $pwd + "/own" and .argv[1:] == ["hi"] and .uid == $uid and .gid == $gid and
		([has("linkage", "loader", "env", "fds")] | any | not)' --arg pwd "$PWD" \
		--argjson uid "$("${as[@]}" id -u)" --argjson gid "$("${as[@]}" id -g)"
	report_is '(.coverage.complete | not) and (.coverage.notes | map(.kind) | index("unreadable-memory") and
		(index("unknown-dirfd") | not))'
}

@test "a program that may be executed but not read is told with its path and argv" {
	local how
	for_others
	chmod 111 own
	PATH=$PWD:$PATH
	for how in '--level exec' '--level audit' '--level all' --no-shim '--level all --no-shim'; do
		# shellcheck disable=SC2086
		set -- $how
		unread "$@" ./own hi
		unread "$@" own hi
		unread "$@" sh -c 'exec own hi'
		unread "$@" sh -c 'exec "$PWD/own" hi'
		unread "$@" sh -c './own hi; true'
		[ "$how" == '--level exec' ] || grep -F 'execve("./own", ["./own", "hi"], 0x' run.strace
	done
}

@test "a set-user-id program that may not be read is noted for what it would have gained" {
	needs_root
	for_others
	chmod 4711 own
	unread ./own hi
	noted setuid-degraded
}
