#!/usr/bin/env bats
# Every file that was touched stands in the report by its absolute path, with all that was done to it and nothing else.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# done_here: "OP PATH" of all that the report says of files in the test's folder.
done_here() {
	report '.files[] | select(.path == $pwd or (.path | startswith($pwd + "/"))) | "\(.ops[]) \(.path)"' --arg pwd "$PWD" | sort
}

# does_what_it_says WAY: the program of that name, and the report, agree on every operation.
does_what_it_says() {
	audit "$PROGRAMS/files" "$1"
	same stderr '' "$stderr"
	same operations "$(sort -u <<<"$output")" "$(done_here)"
	report_is '.coverage.complete'
}

@test "what calls with paths do is told, no more and no less" {
	does_what_it_says path
}

@test "what calls relative to a descriptor do is told" {
	does_what_it_says at
}

@test "what is done to an open file is told of its name at that time" {
	does_what_it_says fd
}

@test "every look-up of what is not there is told" {
	does_what_it_says missing
}

@test "a file has its readers and writers" {
	audit bash -c 'echo x >a; (cat a >b); cat b >/dev/null'
	report_is '[.files[] | select(.path == $pwd + "/a") | [.writers, (.readers | length)]] == [[[1], 1]]' --arg pwd "$PWD"
	report_is '(.files[] | select(.path == $pwd + "/b").writers) == (.files[] | select(.path == $pwd + "/a").readers)' --arg pwd "$PWD"
}

@test "a directory that is opened is not read, one that is listed is" {
	mkdir opened listed
	audit bash -c 'exec 3<opened; ls listed'
	report_is '[.files[] | select(.path == $pwd + "/opened").ops[]] == []' --arg pwd "$PWD"
	file_has "$PWD/listed" list
	report_is 'all(.files[] | select(.path == $pwd + "/listed"); .ops | index("read") | not)' --arg pwd "$PWD"
}

@test "O_CREAT creates only what was not there" {
	: >old
	ln -s far near
	audit bash -c ': >>old; : >>new; : >>new; : >>near'
	same operations "$(printf "%s $PWD/%s\n" create near create new write near write new write old)" \
		"$(done_here | grep -v "^stat $PWD$")"
	report_is '[.files[] | select(.path == $pwd + "/near").target] == [$pwd + "/far"]' --arg pwd "$PWD"
}

@test ".. is taken after following the link before it" {
	mkdir -p real/deep
	ln -s real/deep link
	echo there >real/file
	audit cat link/../file
	same stdout there "$output"
	file_has "$PWD/real/file" read
	report_is 'all(.files[]; .path | endswith("deep/../file") or . == $pwd + "/file" | not)' --arg pwd "$PWD"
}

@test "links stand as the program named them, their targets beside" {
	mkdir real
	echo there >real/file
	ln -s real link
	ln -s link/file chain
	audit cat chain link/file
	report_is '.files | map(select(.path | startswith($pwd)) | [.path, .target]) == [[$pwd + "/chain", $pwd + "/real/file"],
		[$pwd + "/link/file", $pwd + "/real/file"]]' --arg pwd "$PWD"
}

@test "a rename tells from where and to where" {
	: >old
	audit mv old new
	report_is '[.files[] | select(.path == $pwd + "/old").renamed_to] == [$pwd + "/new"]' --arg pwd "$PWD"
	report_is '[.files[] | select(.path == $pwd + "/new").renamed_from] == [$pwd + "/old"]' --arg pwd "$PWD"
}

@test "a path in a directory that was deleted keeps that directory's name" {
	mkdir gone
	audit bash -c 'cd gone && rmdir ../gone && cat x; : >y'
	file_has "$PWD/gone" delete
	file_has "$PWD/gone/x" missing
	file_has "$PWD/gone/y" missing
}

@test "dots, doubled and trailing slashes are no part of a path" {
	mkdir folder
	: >folder/file
	audit cat .//folder/.//file ././folder/../folder/file
	file_has "$PWD/folder/file" read
	report_is '[.files[].path | select(test("//|/\\.(/|$)|/\\.\\.(/|$)"))] == []'
}

@test "a name that is not UTF-8 is there to the byte" {
	audit touch $'a\xff\n"b'
	report_is '[.files[] | select(.path_bytes) | [.path, (.ops | index("create") != null)]] == [[$pwd + "/a\ufffd\n\"b", true]]' --arg pwd "$PWD"
	same 'path_bytes' "$(printf '%s' "$PWD"$'/a\xff\n"b' | base64 -w 0)" "$(report '.files[].path_bytes | select(.)')"
}

@test "a name as long as a path can be is whole" {
	local name
	name=$(printf '%0250d/' 1 2 3 4 5 6 7 8 9 10 11 12)
	mkdir -p "$name"
	audit touch "$name/x"
	file_has "$PWD/$name"x create
}

@test "/proc/self is the process's own" {
	audit cat /proc/self/comm
	same stdout cat "$output"
	report_is 'any(.files[]; .path == "/proc/self/comm" and (.target == null or (.target | test("^/proc/[0-9]+/comm$"))))'
}

@test "the program, its interpreter and its loader are executed, libraries are mapped" {
	audit "$PROGRAMS/births" fork
	file_has "$PROGRAMS/births" exec
	report_is 'any(.files[]; (.path | endswith("/libc.so.6")) and (.ops | index("map")))'
}

@test "what a 32-bit program maps by the older mmap is mapped, and its arguments are those of the memory" {
	needs_program policy_nolibc32
	"$PROGRAMS/policy_nolibc32" mmap /bin/true || skip 'no 32-bit programs on this machine'
	cp /bin/true file
	audit -o run.strace "$PROGRAMS/policy_nolibc32" mmap file
	same stdout 0 "$output"
	file_has "$PWD/file" map
	report_is .coverage.complete
	grep "mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, [0-9]*<$PWD/file>, 0) = 0x" run.strace
	audit -o run.strace "$PROGRAMS/policy_nolibc32" mmap
	same stdout -14 "$output"
	grep 'mmap(0x4) *= -1 EFAULT' run.strace
}

@test "under another root paths are that root's" {
	needs_program hello_nolibc32
	[ "$(id -u)" -eq 0 ] || unshare -Ur true || skip 'needs root or a user namespace'
	mkdir root
	cp "$PROGRAMS/hello_nolibc32" root/hello
	audit unshare -Ur "$(command -v chroot)" root /hello /made
	same status 3 "$status"
	report_is '[.files[] | select(.root == $pwd + "/root" and .path == "/made") | .ops] == [["write", "create"]]' --arg pwd "$PWD"
	report_is 'any(.files[]; .root == $pwd + "/root" and .path == "/hello" and .ops == ["exec"])' --arg pwd "$PWD"
}

@test "in another mount namespace a file is another file" {
	unshare -Urm true || skip 'needs a mount namespace'
	mkdir mounted
	audit unshare -Urm sh -c 'mount -t tmpfs none mounted && echo x >mounted/file && cat mounted/file'
	same stdout x "$output"
	report_is '[.files[] | select(.path == $pwd + "/mounted/file")] | length == 1 and (.[0].root | startswith("mnt:["))' --arg pwd "$PWD"
}

@test "relative names start where the working directory was, whoever moved or renamed it" {
	audit --no-shim "$PROGRAMS/workdir"
	same stderr '' "$stderr"
	same names "$(sort <<<"$output")" \
		"$(report '.files[] | select(.ops | index("missing")).path | select(test("/gone[0-9]+$"))' | sort)"
	report_is '.coverage.complete'
}

@test "a directory in a file's place is not taken for the file" {
	mkdir other
	audit --no-shim bash -c 'echo 1 >x; cat x; (exec 3<x); rm x; mkdir x; (exec 3<x); rmdir x; echo 2 >x; cat x; mv x y; mv other x; (exec 3<x)'
	report_is '[.files[] | select(.path == $pwd + "/x").readers | length] == [3]' --arg pwd "$PWD"
}
