#!/usr/bin/env bats
# A secret of the environment stands in no report and in no byte of a recording, wherever the tree used it.

bats_require_minimum_version 1.5.0
load helper

secret=s3cr3tVALUE-0123456789

# audit_all [OPTION]... COMMAND...: every format, the recording too; secret is the value of MY_TOKEN.
audit_all() {
	MY_TOKEN=$secret "$PTWRAP" -v -o run.json -o run.ptw -o run.ndjson -o run.txt -o run.strace "$@" >/dev/null 2>run.err
}

# nowhere TEXT...: in nothing that audit_all wrote.
nowhere() {
	local text
	for text; do
		same "files with $text" '' "$(grep -alF -- "$text" run.*)"
	done
}

@test "a secret is masked in arguments, environment, paths, links, addresses and buffers" {
	local level
	for level in exec audit all; do
		# shellcheck disable=SC2016
		audit_all -l "$level" bash -c 'exec 2>/dev/null; mkdir "d-$1"; cd "d-$1"; echo "a $1 b" | cat >"f-$1"; cat <"f-$1"; ln -s "$1" l
			readlink l; mv "f-$1" g; export COPY="x$1"; /bin/echo "--key=$1"; "/nowhere/$1"; cd ..; rm -r "d-$1"
			exec 5<>"/dev/tcp/127.0.0.1/1$1"; true' bash "$secret" || true
		nowhere s3cr3t VALUE-012
		report_is '.processes[0].execs[0] | .argv[-1] == "***"'
	done
	file_has "$PWD/d-***" mkdir
	report_is 'any(.processes[].execs[]; .argv[-1] == "--key=***" and .env.added.COPY == "x***")'
}

@test "a secret is masked in the addresses of sockets" {
	needs python3
	audit_all -l all python3 -c 'import os, socket
s = os.environ["MY_TOKEN"]
socket.socket(socket.AF_UNIX).bind("\0abstract" + s)
socket.socket(socket.AF_UNIX).bind("path" + s)
a, b = socket.socketpair()
a.sendmsg([b"x", s.encode()]); b.recv(100); b.sendall(b"user:" + s.encode()); a.recv(100)'
	nowhere s3cr3t VALUE-012
	report_is '[.network[].address] | any(. == "path***") and any(contains("abstract***"))'
}

@test "a secret that only a process of the tree has is masked from its execve on" {
	local level
	for level in exec audit all; do
		# shellcheck disable=SC2016
		audit_all -l "$level" bash -c 'v=hunter2; NEW_PASSWORD=$v-$v /bin/echo "$v-$v" "--p=$v-$v"'
		nowhere hunter2-hunter2
		report_is 'any(.processes[].execs[]; .argv == ["/bin/echo", "***", "--p=***"])'
	done
}

@test "of a secret in a thread's name, which the kernel cuts, nothing is left" {
	mkdir bin
	cp /bin/true "bin/$secret"
	cp /bin/true "bin/x$secret"
	audit_all -l all bash -c "bin/$secret; bin/x$secret"
	nowhere s3cr3t
	needs python3
	audit_all -l all python3 -c 'import ctypes, os; libc = ctypes.CDLL(None)
name = ctypes.create_string_buffer(16)
libc.prctl(15, os.environ["MY_TOKEN"].encode()); libc.prctl(16, name)'
	nowhere s3cr3t
}

@test "--redact adds globs on names, in any case" {
	MYVAR=first-value OTHERS=second-value audit_all --redact 'my*' --redact '?thers' echo first-value second-value
	nowhere first-value second-value
	report_is '.command == ["echo", "***", "***"]'
}

@test "--no-redact masks nothing" {
	audit_all --no-redact echo "$secret"
	report_is '.command == ["echo", $secret]' --arg secret "$secret"
}

@test "a short value and one that names a path are masked in the environment only" {
	touch existing-path
	A_TOKEN=short B_TOKEN=$PWD/existing-path audit_all env -i C_TOKEN=short "D_TOKEN=$PWD/existing-path" cat existing-path short || true
	report_is '.command[-2:] == ["existing-path", "short"]'
	file_has "$PWD/existing-path" read
	report_is 'any(.processes[].execs[].env.added; .C_TOKEN == "***" and .D_TOKEN == "***")'
}
