#!/usr/bin/env bats
# What --learn writes lets the same run pass again and nothing else; it can be read, and learned into.

bats_require_minimum_version 1.5.0
load helper

# A project with a helper of its own, in work/; a folder of somebody else, and a home with a secret.
project() {
	export HOME=$PWD/home
	unset TMPDIR
	mkdir -p work home/.ssh
	echo secret >home/.ssh/id_rsa
	hello_project work/project
	cp "$PROGRAMS/misdeeds" work/project/helper
	outside
	cd work/project || return 1
}

outside() {
	rm -rf "$BATS_TEST_TMPDIR/outside"
	mkdir "$BATS_TEST_TMPDIR/outside"
	echo kept >"$BATS_TEST_TMPDIR/outside/victim"
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/outside/script"
	chmod 755 "$BATS_TEST_TMPDIR/outside/script"
}

# facts: all of outside that a misdeed could change.
facts() {
	(cd "$BATS_TEST_TMPDIR/outside" && stat -c '%n %a %h' -- * && cat victim)
}

# learned OPTION...: the build under them; with its helper, which does no harm.
learned() {
	"$PTWRAP" -q "$@" sh -c 'make -s && make -s test && ./helper "$0" none' "$BATS_TEST_TMPDIR/outside"
}

@test "a learned policy lets the same build pass, twice and after make clean, with no violation" {
	project
	learned --learn p.policy
	for again in 1 2; do
		make -s clean
		learned -P p.policy -o "$again.json"
		learned -P p.policy -o "$again.again.json"
		jq -e '.violations == []' "$again.json" "$again.again.json"
	done
	run ! grep memfd p.policy
}

@test "a learned policy can be read: variables, folders, a comment for each rule, no rule that never decides" {
	project
	learned --learn p.policy
	grep -qx 'default deny' p.policy
	grep -q '^allow write    $PWD/build/[*][*]  *# needed by .*as' p.policy
	grep -q '^allow write    $TMPDIR/cc[*][.]s  *# needed by ' p.policy
	grep -q '^allow exec     $PWD/helper  *# needed by dash$' p.policy
	same 'rules without a comment' '' "$(grep '^allow' p.policy | grep -v '# needed by [^ ]')"
	[ "$(wc -l <p.policy)" -lt 100 ]
	run -0 "$PTWRAP" --check p.policy
	[[ $output != *never* ]]
}

@test "each of 21 planted misdeeds is caught, and works where there is no policy" {
	project
	learned --learn p.policy
	away=$BATS_TEST_TMPDIR/outside
	names=$(./helper "$away" list)
	same 'how many' 21 "$(wc -w <<<"$names")"
	for misdeed in $names; do
		outside
		before=$(facts)
		run ./helper "$away" "$misdeed"
		[ "$(id -u)" -ne 0 ] || [[ $misdeed == mount || $output == ok ]] || same "$misdeed, bare" ok "$output"
		outside
		rm -f build/linked build/detour
		audit -P p.policy ./helper "$away" "$misdeed"
		same "$misdeed" EPERM "$output"
		same "$misdeed, outside" "$before" "$(facts)"
		report_is '.totals.violations > 0 or any(.coverage.notes[]; .kind == "policy-guard")'
	done
}

@test "a program that was changed is not run where its digest is locked" {
	project
	learned --learn p.policy
	printf 'deny exec $PWD/helper\nallow exec sha256:%s\n' "$(sha256sum <helper | cut -d ' ' -f 1)" >>p.policy
	learned -P p.policy
	printf x >>helper
	run ! learned -P p.policy
	[[ $output == *'denied: exec '*'/helper'* ]]
}

@test "learning again adds what is new, and leaves the user's lines where they are" {
	project
	"$PTWRAP" -q --learn p.policy cat VERSION
	cp p.policy first
	"$PTWRAP" -q --learn p.policy cat VERSION
	cmp p.policy first
	sed -i '1i # mine\ndeny read $HOME/.ssh/**   # mine too' p.policy
	run -0 --separate-stderr "$PTWRAP" -q --learn p.policy cat Makefile "$HOME/.ssh/id_rsa"
	[[ $stderr == *'p.policy: not learned, since rules in it deny it'* ]]
	same first '# mine' "$(head -n 1 p.policy)"
	grep -qx 'deny read $HOME/.ssh/[*][*]   # mine too' p.policy
	grep -qx '# not learned: read .*/home/.ssh/id_rsa, needed by cat: deny read $HOME/.ssh/[*][*]' p.policy
	"$PTWRAP" -q -P p.policy cat VERSION Makefile
	run ! "$PTWRAP" -q -P p.policy cat "$HOME/.ssh/id_rsa"
}

@test "what rules forbid is not learned, and stays forbidden meanwhile" {
	project
	run ! "$PTWRAP" -q --rule 'deny read $PWD/Makefile' --learn p.policy cat VERSION Makefile
	grep -q '$PWD/VERSION' p.policy
	run ! grep Makefile p.policy
}

@test "a file that is no policy, or cannot be written, is named before COMMAND runs" {
	echo 'allow everything' >bad
	run -125 "$PTWRAP" --learn bad touch ran
	[[ $output == *'bad:1:7: '* ]]
	same bad 'allow everything' "$(cat bad)"
	run -125 "$PTWRAP" --learn missing/p.policy touch ran
	[[ $output == *missing/p.policy* ]]
	run -125 "$PTWRAP" --level exec --learn p.policy touch ran
	[ ! -e ran ] && [ ! -e p.policy ]
}

@test "a directory that is renamed, private folders, sockets and grouped calls are learned too" {
	needs python3
	cat >run.sh <<-'EOS'
		d=$(mktemp -d) && echo x >"$d/file" && mkdir -p tree.new/a && mv tree.new tree && rm -r tree "$d"
		python3 -c 'import socket, tempfile, ctypes
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("own.sock")
		u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.sendto(b"x", u.getsockname())
		ctypes.CDLL(None).unshare(0x4)
		tempfile.NamedTemporaryFile().write(b"x")'
		rm own.sock
	EOS
	sed -i 's/^\t*//' run.sh
	"$PTWRAP" -q --learn p.policy sh run.sh
	for again in 1 2 3; do
		audit -P p.policy sh run.sh
		same "status, with $stderr" 0 "$status"
		same 'what the rules broke' '' "$(report '.violations[]')"
	done
}

# leaves TEXT...: none of it is in p.policy.
leaves() {
	local text
	for text; do
		same "lines with $text" '' "$(grep -F -- "$text" p.policy)"
	done
}

@test "a secret in a path, a socket or a program's name stands as its variable, and the same run passes with another value" {
	needs python3
	cat >run.sh <<-'EOS'
		mkdir -p "d-$MY_TOKEN" && cp /bin/true "d-$MY_TOKEN/p$MY_TOKEN" && "./d-$MY_TOKEN/p$MY_TOKEN" && cat /proc/self/status >"x$MY_TOKEN.txt" &&
		rm -r "d-$MY_TOKEN" "x$MY_TOKEN.txt" && python3 -c 'import os, socket; t = os.environ["MY_TOKEN"]
		socket.socket(socket.AF_UNIX).bind("\0a" + t); socket.socket(socket.AF_UNIX).bind("s" + t); os.unlink("s" + t)'
	EOS
	sed -i 's/^\t*//' run.sh
	MY_TOKEN='s3cr3t #*VALUE' "$PTWRAP" -q --learn p.policy sh run.sh
	leaves s3cr3t VALUE
	grep -qF 'x${MY_TOKEN}.txt ' p.policy
	grep -qF 'unix:@a${MY_TOKEN} ' p.policy
	for value in 's3cr3t #*VALUE' another-value; do
		MY_TOKEN=$value audit -P p.policy sh run.sh
		same "status, with $stderr" 0 "$status"
		report_is '.violations == []'
	done
	cp p.policy first
	MY_TOKEN='s3cr3t #*VALUE' "$PTWRAP" -q --learn p.policy sh run.sh
	same 'learned again' "$(sed 's/ *# needed by.*//' first)" "$(sed 's/ *# needed by.*//' p.policy)"
}

@test "a secret that no variable of ptwrap's has, or that goes across slashes, becomes stars, and the comment says so" {
	# shellcheck disable=SC2016
	echo 'v=hunter2; mkdir -p ab/cd; NEW_PASSWORD=$v-$v sh -c "echo >x\$NEW_PASSWORD.txt"; echo >"y$A_KEY.txt"; rm -r x*.txt ab' >run.sh
	for again in 1 2; do
		mkdir -p yab/cd0123456
		A_KEY=ab/cd0123456/z "$PTWRAP" -q --learn p.policy sh run.sh
		leaves hunter2 cd012345
		grep -q 'PWD/x[*].txt  *# needed by [a-z, ]*; a star hides a secret$' p.policy
		grep -q 'PWD/y[*]/[*]/[*].txt  *# needed by [a-z, ]*; a star hides a secret$' p.policy
	done
	A_KEY=ab/cd0123456/z audit -P p.policy sh run.sh
	same "status, with $stderr" 0 "$status"
	report_is '.violations == []'
}

@test "what is learned hides nothing with --no-redact" {
	MY_TOKEN=s3cr3tVALUE "$PTWRAP" -q --no-redact --learn p.policy touch s3cr3tVALUE
	grep -q s3cr3tVALUE p.policy
}
