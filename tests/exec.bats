#!/usr/bin/env bats
# Each program that was executed: what it was, as whom and where, with which arguments, environment and descriptors.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# last_exec FILTER [JQ-OPTION]...: the filter must give true on the last exec of the first process.
last_exec() {
	local filter=$1
	shift
	report_is ".processes[0].execs[-1] | $filter" "$@"
}

# argv_is [ARG]...: the argv of the last exec of the first process.
argv_is() {
	same argv "$(jq -cn '$ARGS.positional' --args -- "$@")" "$(report '.processes[0].execs[-1].argv' -c)"
}

# executable FILE: makes it, from standard input.
executable() {
	cat >"$1"
	chmod +x "$1"
}

@test "argv is what was passed, to the byte" {
	local argv=('' 'a b' $'tab\tnew\nline' "it's" '"*"' $'\\' 'é' '' --)
	audit -- "$PROGRAMS/arguments" "${argv[@]}"
	same stdout "$(printf '%s\n' "$PROGRAMS/arguments" "${argv[@]}")" "$output"
	argv_is "$PROGRAMS/arguments" "${argv[@]}"
}

@test "what is not UTF-8 in argv is there in base64 too" {
	audit "$PROGRAMS/arguments" $'a\xff' b
	last_exec '.argv[1:] == ["a\ufffd", "b"] and .argv_bytes == [null, "Yf8=", null]'
}

@test "an empty argv is empty, and argv[0] need not be a name" {
	audit "$PROGRAMS/execs" null "$PROGRAMS/arguments"
	argv_is
	audit "$PROGRAMS/execs" plain "$PROGRAMS/arguments"
	argv_is
	audit "$PROGRAMS/execs" plain "$PROGRAMS/arguments" '' x
	argv_is '' x
}

@test "of 180,000 arguments none is missing" {
	audit bash -c 'ulimit -s 65536; exec sh -c "echo \$#" sh $(yes a | head -n 180000)'
	same stdout 180000 "$output"
	last_exec '.argv[:3] == ["sh", "-c", "echo $#"] and (.argv[4:] | length == 180000 and all(.[]; . == "a"))'
	report_is '.coverage.complete'
}

@test "the longest argument and the longest list are whole" {
	audit bash -c 'ulimit -s unlimited; exec "$0" "$(head -c 131071 /dev/zero | tr "\0" x)"' "$PROGRAMS/hello_static"
	last_exec '.argv[1] | length == 131071'
	audit bash -c 'ulimit -s unlimited; exec "$0" $(yes "$(head -c 99999 /dev/zero | tr "\0" y)" | head -n 60)' "$PROGRAMS/hello_static"
	same stdout 60 "$output"
	last_exec '.argv[1:] | length == 60 and all(.[]; length == 99999)'
}

@test "a script has its own name, its interpreter and the argv that was passed" {
	executable script <<<$'#!/bin/sh -e\necho "$@"'
	audit ./script '' two
	same stdout ' two' "$output"
	last_exec '.path == $pwd + "/script" and .interpreter == "/bin/sh"' --arg pwd "$PWD"
	argv_is ./script '' two
	file_has "$PWD/script" exec
	file_has /bin/sh exec
}

@test "a script executed with an empty argv is a script" {
	executable script <<<$'#!/bin/sh\necho "$#"'
	audit "$PROGRAMS/execs" null "$PWD/script"
	same stdout 0 "$output"
	last_exec '.path == $pwd + "/script" and .interpreter == "/bin/sh" and .argv == []' --arg pwd "$PWD"
}

@test "env -S in a #! line is the interpreter, what it executes is one more exec" {
	executable script <<<$'#!/usr/bin/env -S sh -e\necho "$1"'
	audit ./script one
	same stdout one "$output"
	report_is '.processes[0].execs | map([.interpreter, .argv]) ==
		[["/usr/bin/env", ["./script", "one"]], [null, ["sh", "-e", "./script", "one"]]]'
}

@test "the interpreter of a script may be a script" {
	executable inner <<<$'#!/bin/sh\necho inner "$@"'
	executable outer <<<"#!$PWD/inner"
	audit ./outer x
	same stdout 'inner ./outer x' "$output"
	argv_is ./outer x
	last_exec '.path == $pwd + "/outer" and .interpreter == "/bin/sh"' --arg pwd "$PWD"
}

@test "a COMMAND that the kernel takes for no program is run by the shell" {
	executable plain <<<'echo "plain $1"'
	audit ./plain x
	same status 0 "$status"
	same stdout 'plain x' "$output"
	last_exec '.path == "/bin/sh" and .interpreter == null'
	argv_is /bin/sh ./plain x
	report_is '.processes[0] | .failed_execs == [] and (.execs | length == 1)'
}

# by_magic FLAGS COMMAND...: runs COMMAND where binfmt_misc has files that begin with PTWRAP-TEST run by ./interpreter.
by_magic() {
	unshare -Urm sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
		echo ":ptwrap:M::PTWRAP-TEST::$PWD/interpreter:$0" >/proc/sys/fs/binfmt_misc/register && exec "$@"' "$@"
}

@test "a file that binfmt_misc has run by another has its own name, and that interpreter" {
	local flags
	printf 'PTWRAP-TEST' >file
	chmod +x file
	cp "$PROGRAMS/arguments" interpreter
	by_magic '' ./file a >native || skip 'no binfmt_misc for user namespaces on this machine'
	for flags in '' O P; do
		by_magic "$flags" ./file a >native
		by_magic "$flags" "$PTWRAP" -q -o run.json ./file a >wrapped
		same "output, flags '$flags'" "$(<native)" "$(<wrapped)"
		last_exec '.path == $path and .interpreter == $interpreter' --arg path "$PWD/file" --arg interpreter "$PWD/interpreter"
		argv_is ./file a
		by_kernel_view || last_exec '.view == "shim"'
		run --separate-stderr by_magic "$flags" "$PTWRAP" -q --rule 'deny exec **/interpreter' sh -c './file a; echo $?'
		same 'status under a rule' 137 "$output"
	done
}

@test "the loader is the one that the program names" {
	needs readelf
	audit "$PROGRAMS/arguments"
	last_exec '.loader == $loader and .linkage == "dynamic" and .arch == "x86_64"' \
		--arg loader "$(readelf -lW "$PROGRAMS/arguments" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')"
	file_has /lib64/ld-linux-x86-64.so.2 exec
}

@test "a static program has no loader" {
	needs_program hello_static
	audit "$PROGRAMS/hello_static" a b
	same stdout 2 "$output"
	last_exec '.loader == null and .linkage == "static" and .view == "kernel"'
	report_is '.coverage.complete'
}

@test "a 32-bit program is followed and its calls are told" {
	needs_program hello_nolibc32
	audit "$PROGRAMS/hello_nolibc32" made
	same status 3 "$status"
	same made hello "$(<made)"
	last_exec '.arch == "i386" and .linkage == "static" and (.argv | length == 2)'
	report_is '.processes | length == 2 and .[1].exit.code == 3'
	file_has "$PWD/made" create
}

@test "execveat and fexecve name the file" {
	local how
	for how in at fd; do
		audit "$PROGRAMS/execs" "$how" "$PROGRAMS/arguments" a b
		same stdout $'a\nb' "$output"
		last_exec '.path == $path' --arg path "$PROGRAMS/arguments"
		argv_is a b
	done
}

@test "a script executed by its descriptor is named, not its number" {
	executable script <<<$'#!/bin/sh\necho "$@"'
	audit "$PROGRAMS/execs" script-fd "$PWD/script" a b
	same stdout b "$output"
	last_exec '.path == $pwd + "/script" and .interpreter == "/bin/sh"' --arg pwd "$PWD"
	argv_is a b
}

@test "a program in memory runs, and is named as such" {
	audit "$PROGRAMS/execs" memfd "$PROGRAMS/arguments" a b
	same stdout $'a\nb' "$output"
	last_exec '.path == "/memfd:copy"'
	argv_is a b
	report_is '[.files[].path | select(contains("memfd"))] == []'
}

@test "an exec that fails is told with its errno, and is no exec" {
	executable empty </dev/null
	audit "$PROGRAMS/execs" failing "$PROGRAMS/arguments" a
	same errnos "$output" "$(report '.processes[0].failed_execs[] | "\(.path) \(.errno)"' |
		sed "s|^$PWD/|./|; s|^$PROGRAMS/arguments|&/|"; echo a)"
	report_is '.processes[0].execs | length == 2'
	file_has "$PWD/missing" missing
}

@test "a search of PATH is as many failed execs as there were" {
	mkdir a b
	audit env PATH="$PWD/a:$PWD/b:/bin:/usr/bin" true
	report_is '.processes[0].failed_execs | map([.path, .errno]) == [[$pwd + "/a/true", "ENOENT"], [$pwd + "/b/true", "ENOENT"]]' \
		--arg pwd "$PWD"
}

@test "the environment is told by what differs from the caller's" {
	export KEPT=kept CHANGED=old GONE=gone
	audit bash -c 'export CHANGED=new ADDED= ; unset GONE; exec "$0"' "$PROGRAMS/hello_static"
	report_is '.processes[0].execs[0].env == {added: {}, changed: {}, removed: []}'
	last_exec '.env.added.ADDED == "" and .env.changed.CHANGED == "new" and (.env.removed | index("GONE"))'
	last_exec '.env | tostring | contains("kept") or contains("LD_PRELOAD") | not'
}

@test "env -i removes all, and the audit goes on" {
	audit env -i ONLY=1 "$PROGRAMS/births" spawn
	report_is '.processes[0].execs[0].env.removed == []'
	last_exec '.env.added == {ONLY: "1"} and .env.changed == {}'
	same removed "$(env | grep -aoE '^[A-Za-z_][A-Za-z0-9_]*=' | sed 's/=$//' | sort)" \
		"$(report '.processes[0].execs[-1].env.removed[]' | grep -v '^BASH_FUNC' | sort)"
	report_is '.processes | length == 2 and .[1].execs[0].env == {added: {}, changed: {}, removed: []}'
}

@test "the descriptors that an exec left open are named as in /proc" {
	: >in
	audit bash -c 'exec 0<in 7>>out 9</; exec ls -l --color=never /proc/self/fd'
	last_exec '.fds["0"] == $pwd + "/in" and .fds["7"] == $pwd + "/out" and .fds["9"] == "/"' --arg pwd "$PWD"
	same descriptors "$(sed -n 's/.* \([0-9]*\) -> \(.*\)/\1 \2/p' <<<"$output" | grep -v '/proc/')" \
		"$(report '.processes[0].execs[-1].fds | to_entries[] | "\(.key) \(.value)"' | sort)"
}

@test "an exec tells who ran it and where" {
	mkdir folder
	audit sh -c 'cd folder && exec "$0"' "$PROGRAMS/hello_static"
	last_exec '.cwd == $pwd + "/folder" and .uid == $uid and .gid == $gid' --arg pwd "$PWD" \
		--argjson uid "$(id -u)" --argjson gid "$(id -g)"
}

@test "a set-user-id program without what it would gain is noted" {
	[ -u /bin/su ] || skip 'no set-user-id program on this machine'
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	cp "$PTWRAP" ptwrap
	chmod 777 . ptwrap
	run "${as[@]}" ./ptwrap -q -o run.json /bin/su --help
	same status 0 "$status"
	report_is '.coverage.notes | map([.kind, .process]) == [["setuid-degraded", 1]]'
}

@test "-u runs COMMAND as that user, and set-user-id programs keep their right" {
	needs_root
	chmod 777 .
	audit -u nobody id -u
	same stdout 65534 "$output"
	last_exec '.uid == 65534'
	audit -u nobody id -G
	same groups "$(id -G nobody)" "$output"
	cp /usr/bin/id . && chmod 4755 id
	audit -u nobody ./id -u
	same stdout 0 "$output"
}

@test "at level exec each exec is told as the new image has it" {
	executable script <<<$'#!/bin/sh\nexec "$@"'
	audit --level exec ./script "$PROGRAMS/execs" fd "$PROGRAMS/arguments" a
	same stdout a "$output"
	report_is '.processes[0].execs | map(.path) == [$pwd + "/script", $programs + "/execs", $programs + "/arguments"]' \
		--arg pwd "$PWD" --arg programs "$PROGRAMS"
	argv_is a
}
