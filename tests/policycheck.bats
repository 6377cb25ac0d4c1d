#!/usr/bin/env bats
# A policy is checked without running anything: what is wrong with it, which rules never decide, what a call would get.

bats_require_minimum_version 1.5.0
load helper

# checked PART-OF-OUTPUT ARG...: --check x.policy succeeds, says nothing on standard error, and prints that part.
checked() {
	local part=$1
	shift
	run --separate-stderr "$PTWRAP" --check x.policy "$@"
	same status 0 "$status"
	same stderr '' "$stderr"
	[[ $output == *"$part"* ]] || same output "$part" "$output"
}

# malformed MESSAGE ARG...: --check x.policy fails with that one line.
malformed() {
	local message=$1
	shift
	run --separate-stderr "$PTWRAP" --check x.policy "$@"
	same status 125 "$status"
	same stdout '' "$output"
	same stderr "ptwrap: $message" "$stderr"
}

@test "--check says that a policy is well-formed" {
	cp "$TOP/tests/golden/ci.policy" x.policy
	checked 'x.policy: well-formed'
}

@test "--check names file, line and column of what is malformed" {
	printf 'default allow\n  deny write /a  etc/passwd\n' >x.policy
	malformed "x.policy:2:18: 'etc/passwd' can never match: paths are judged whole, so it has to begin with '/', '**' or a variable like \$PWD"
	printf 'deny syscall opnat\n' >x.policy
	malformed "x.policy:1:14: unknown system call 'opnat' (did you mean 'openat'?)"
	printf 'allow net example.org:443\n' >x.policy
	malformed "x.policy:1:11: 'example.org:443' is a host name, and a rule takes addresses only: what a name stands for may have changed by the time a call is judged"
	printf 'for /p deny exec /a\nfor /p allow exec /a\n' >x.policy
	malformed "x.policy:2:19: contradicts x.policy:1: 'for /p deny exec /a'"
}

@test "--check says of a policy that cannot be read why" {
	malformed 'x.policy: No such file or directory'
	printf '\ninclude ../gone\n' >x.policy
	malformed "x.policy:2:9: '../gone': No such file or directory"
	mkfifo pipe
	printf 'deny reed /a\n' >pipe &
	run --separate-stderr "$PTWRAP" --check pipe
	same status 125 "$status"
	same stderr "ptwrap: pipe:1:6: unknown subject 'reed' (did you mean 'read'?)" "$stderr"
}

@test "--check names rules that never decide, and what decides in their place" {
	printf 'deny write /a/b\nallow write /a/** # all\n' >x.policy
	checked 'x.policy:1:12: never decides: x.policy:2 stands later and matches all of it: allow write /a/**'
	printf 'for /nowhere/npm allow net *\ndeny exec /nowhere/*\n' >x.policy
	checked 'for /nowhere/npm: holds for no process: x.policy:2 keeps the program from running: deny exec /nowhere/*'
}

@test "--ask tells what a call would get, and by which rule" {
	cp "$TOP/tests/golden/ci.policy" x.policy
	checked "write /etc/passwd: deny EPERM, by x.policy:4: deny  write    /**" --ask 'write /etc/passwd'
	checked ': allow, by x.policy:5: ' --ask 'write $PWD/new'
	checked ': deny EPERM, by x.policy:2: ' --ask 'net 8.8.8.8:53'
	checked ': allow, by x.policy:3: ' --ask 'net 10.1.2.3:443'
	checked ': deny EPERM, by x.policy:8: ' --ask 'syscall process_vm_readv'
	checked ': allow, by x.policy:1: default allow' --ask 'exec /bin/sh'
}

@test "--ask answers for the file that a link leads to" {
	mkdir real
	ln -s real link
	printf 'deny read $PWD/real/**\n' >x.policy
	checked "read $PWD/link/a ($PWD/real/a): deny EPERM, by x.policy:1: " --ask "read $PWD/link/a"
}

@test "--ask answers for the content of a program" {
	cp "$(type -P true)" program
	printf 'deny exec **\nallow exec sha256:%s\n' "$(sha256sum <program | cut -d' ' -f1)" >x.policy
	checked ': allow, by x.policy:2' --ask "exec $PWD/program"
	echo >>program
	checked ': deny EPERM, by x.policy:1' --ask "exec $PWD/program"
}

@test "a question that is none is refused" {
	printf 'deny write /a\n' >x.policy
	run --separate-stderr "$PTWRAP" --check x.policy --ask 'write'
	same status 125 "$status"
	same stderr "ptwrap: --ask:1:6: a question has a subject and an object, as in 'write /etc/passwd'" "$stderr"
	run --separate-stderr "$PTWRAP" --check x.policy --ask 'write /a' --ask 'write a'
	same status 125 "$status"
	same stderr "ptwrap: --ask:2:7: a path begins with '/'" "$stderr"
}
