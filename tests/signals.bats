#!/usr/bin/env bats
# Signals reach the program as they would without ptwrap, and stand in the report.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# as_native [ARG]...: the program `signals` prints the same and ends the same with and without ptwrap.
as_native() {
	run --separate-stderr "$PROGRAMS/signals" "$@"
	[ -n "$output" ]
	local native_status=$status native_output=$output
	audit "$PROGRAMS/signals" "$@"
	same status "$native_status" "$status"
	same stdout "$native_output" "$output"
}

# signals_of PROCESS: "SIGNAL FROM FATAL COUNT" of each but SIGCHLD.
signals_of() {
	report '.signals[] | select(.process == $process and .signal != "SIGCHLD") | "\(.signal) \(.from) \(.fatal) \(.count)"' \
		--argjson process "$1"
}

@test "a signal of any origin is delivered, and told with who sent it" {
	as_native handled
	same signals $'SIGALRM null false 1\nSIGPIPE 1 false 1\nSIGRT_5 1 false 1\nSIGTERM 2 false 1\nSIGUSR1 1 false 1\nSIGUSR2 1 false 1' \
		"$(signals_of 1 | sort)"
}

@test "SIGTRAP is the program's own" {
	as_native traps
	report_is '[.signals[] | select(.signal == "SIGTRAP").count] | add == ($n | tonumber)' --arg n "${output#* }"
}

@test "no SIGALRM and no SIGCHLD is swallowed" {
	as_native timers
	report_is '[.signals[] | select(.signal == "SIGALRM").count] | add >= 10'
	report_is '[.signals[] | select(.signal == "SIGCHLD") | .count] | add == 10'
	report_is '[.signals[] | select(.signal == "SIGCHLD").from] | sort == [range(2; 12)]'
}

@test "a stopped process stands still until it is continued" {
	as_native stops
	report_is 'any(.signals[]; .process == 2 and .signal == "SIGSTOP" and .from == 1)'
	report_is 'any(.signals[]; .process == 2 and .signal == "SIGTERM" and .fatal)'
}

@test "threads that are all sent a stop at once stop once, and go on when continued" {
	local level
	for level in exec audit all; do
		run timeout -s KILL 60 "$PTWRAP" -q --level "$level" "$PROGRAMS/signals" herd
		same "stdout at level $level" 'stopped 20, continued 20, ended by 9' "$output"
	done
}

@test "a fatal signal is told as such, once" {
	local signal
	for signal in SEGV ABRT TERM HUP USR1 SYS; do
		audit "$PROGRAMS/signals" dies "$(kill -l "$signal")"
		report_is '.signals | map([.process, .signal, .fatal, .count]) == [[1, "SIG" + $name, true, 1]]' --arg name "$signal"
		report_is '.processes[0].exit == {code: null, signal: ("SIG" + $name)}' --arg name "$signal"
	done
}

@test "a death by SIGKILL, which nobody sees delivered, is told" {
	audit "$PROGRAMS/signals" kills
	same stdout "$(report '.processes[1].pid') KILL" "$output"
	report_is '.signals | map(select(.signal == "SIGKILL") | [.process, .fatal, .count]) == [[2, true, 1]]'
}

@test "ignored signals stay ignored, blocked ones pending" {
	audit bash -c 'trap "" TERM; kill -TERM $$; grep -E "^Sig(Ign|Blk):" /proc/self/status; echo still there'
	same stdout "$(bash -c 'trap "" TERM; grep -E "^Sig(Ign|Blk):" /proc/self/status; echo still there')" "$output"
}

@test "a signal that is ignored interrupts no call" {
	local what
	for what in awaited timed handled; do
		run timeout 30 "$PROGRAMS/interrupted" "$what"
		local native=$output
		same status 0 "$status"
		audit timeout 30 "$PROGRAMS/interrupted" "$what"
		same "calls $what" "$native" "$output"
	done
}
