#!/usr/bin/env bats
# On a terminal, under an interactive shell, a wrapped command behaves as the bare one: keys, jobs, hang-ups.
# shellcheck disable=SC2016 # inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# as_native [-l NAME=VALUE] STEPS [COMMAND]...: the steps, played to COMMAND (an interactive bash) on a terminal, give the same
# transcript with and without ptwrap. In STEPS, WRAP is nothing, or ptwrap.
as_native() {
	local steps=$1
	shift
	[ $# -gt 0 ] || set -- env PS1='READY> ' bash --norc --noprofile -i
	local native wrapped
	native=$("$TOP/tests/tools/terminal.py" "${@//WRAP/env}" <<<"${steps//WRAP/}") || :
	wrapped=$("$TOP/tests/tools/terminal.py" "${@//WRAP/$PTWRAP}" <<<"${steps//WRAP/$PTWRAP -q}") || :
	[[ $native == *$'\nended '* ]] || same transcript "$native" 'one to its end'
	same transcript "$native" "$wrapped"
}

# echoes: tells what it reads, line by line, until the end of its input.
echoes='sh -c "echo rea""dy; exec sed -u s/^/got./"'

@test "^C, ^\\ and ^Z do to a command what they would" {
	as_native "
		expect READY>
		send WRAP $echoes\n
		expect ready
		send \x03
		expect READY>
		send echo status=\$?\n
		expect status=(\d+)
		send WRAP $echoes\n
		expect ready
		send \x1c
		expect Quit
		expect READY>
		send echo status=\$?\n
		expect status=(\d+)
		send WRAP $echoes\n
		expect ready
		send \x1a
		expect Stopped
		send echo status=\$?\n
		expect status=(\d+)
		send jobs\n
		expect (\[1\]\+ +Stopped)
		send fg\n
		send word\n
		expect (got.word)
		send \x04
		expect READY>
		send echo status=\$?\n
		expect status=(\d+)
		send exit 3\n"
}

@test "a job is put into the background, stopped by what it reads there, and waited for" {
	as_native '
		expect READY>
		send set -b; WRAP sh -c "echo star""ted; read x; echo got \$x; exit 7"\n
		expect started
		send \x1a
		expect Stopped
		send bg\n
		expect Stopped
		send fg\n
		send word\n
		expect (got word)
		expect READY>
		send echo status=$?\n
		expect status=(\d+)
		send WRAP sleep 1000 &\n
		expect READY>
		send kill %1; wait %1; echo status=$?\n
		expect status=(\d+)
		send exit\n'
}

@test "a shell's suspend stops ptwrap too, and its jobs are its own" {
	as_native "
		expect READY>
		send PS1='INNER> ' WRAP bash --norc --noprofile -i\n
		expect INNER>
		send $echoes\n
		expect ready
		send \x1a
		expect Stopped
		send jobs\n
		expect (\[1\]\+ +Stopped)
		send set -b; bg\n
		expect Stopped
		send kill -KILL %1\n
		expect Killed
		send suspend\n
		expect Stopped
		expect READY>
		send fg\n
		send exit 5\n
		expect READY>
		send echo status=\$?\n
		expect status=(\d+)
		send exit\n"
}

@test "a pager stops and goes on" {
	needs less
	seq 100 >text
	as_native '
		expect READY>
		send LESS=-d WRAP less text\n
		expect 20\r\n
		reads less
		send \x1a
		expect Stopped
		send fg\n
		expect 20\r\n
		reads less
		send q
		expect READY>
		send echo status=$?\n
		expect status=(\d+)
		send exit\n'
}

@test "a key reaches a command once, whatever way it takes signals" {
	local how
	for how in handler sigwait signalfd; do
		as_native "
			expect READY>
			send WRAP $PROGRAMS/tally $how /dev/tty\n
			expect ready
			send \x03
			expect (INT kernel 0)
			send \x1c
			expect (QUIT kernel 0)
			expect READY>
			send exit\\r" || return 1
	done
}

@test "a terminal that hangs up ends what runs on it" {
	as_native '
		expect ready
		hangup' WRAP sh -c 'echo ready; sleep 1000'
	as_native '
		expect READY>
		send WRAP sh -c "echo star""ted; exec sleep 1000"\n
		expect started
		hangup'
}

@test "script(1) gives a terminal, inside and outside" {
	needs script
	as_native '
		expect ready
		send word\r
		expect got word' WRAP script -qec 'echo ready; read x; echo got $x' /dev/null
	same output "$(script -qec 'tty >/dev/null && echo terminal; exit 4' /dev/null; echo $?)" \
		"$(script -qec "$PTWRAP -q sh -c 'tty >/dev/null && echo terminal; exit 4'" /dev/null; echo $?)"
}
