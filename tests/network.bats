#!/usr/bin/env bats
# Whom the tree talked to, and how that went, stands in the report: each peer, each operation, each error.

bats_require_minimum_version 1.5.0
load helper

# peers: the report's network list, a line each, as tests/programs/network.c prints it.
peers() {
	report '.network[] | "\(.op) \(.family) \(.protocol) \(.address // "-") \(.port // "-") \(.count)" +
		([(.errors // {}) | to_entries[] | " \(.key)=\(.value)"] | add // "")' | sort
}

# talks KIND [OPTION]...: the report says what the program of that name says.
talks() {
	local kind=$1
	shift
	rm -f socket*
	audit "$@" "$PROGRAMS/network" "$kind"
	[ "$status" -ne 77 ] || skip "no $kind on this machine: $stderr"
	same "status, with '$stderr'" 0 "$status"
	same network "$(grep -v ^connections <<<"$output" | sort)" "$(peers)"
	same connections "$(grep ^connections <<<"$output")" "connections $(report .totals.connections)"
	report_is '.coverage.complete'
}

@test "what is done by inet stands in the report" {
	talks inet
	talks inet --no-shim
	talks inet --level all
}

@test "what is done by inet6 stands in the report" {
	talks inet6
	talks inet6 --level all
}

@test "what is done by unix sockets stands in the report, and their files" {
	talks unix
	file_has "$PWD/socket1" create
	file_has "$PWD/socket3" create
	report_is '[.files[] | select(.path | test("/socket[0-9]")) | .ops[]] | unique == ["create"]'
}

@test "what is done by abstract unix sockets stands in the report" {
	talks abstract
	report_is 'all(.network[]; .address == null or (.address | startswith("@ptwrap-test-")))'
}

@test "a process's peers are its own" {
	talks inet
	report_is '[.network[] | select(.process == 2) | [.op, .count]] == [["connect", 1]]'
	report_is '.network == (.network | sort_by(.process, .op, .address // "", .port // -1))'
}

@test "-e %network has the same list and nothing else" {
	talks inet -e %network
	report_is 'all(.syscalls[].name; test("^(socket|bind|listen|connect|accept4|getsockname|send(to|m?msg))$"))'
}

@test "bytes are told at --level all only, and to the peer of the connection" {
	audit --level all "$PROGRAMS/network" bytes
	same status 0 "$status"
	report_is '[.network[] | select(.op == "connect" or .op == "accept") | [.op, .sent_bytes, .received_bytes]] ==
		[["accept", 10, 1000], ["connect", 1000, 10]]'
	audit "$PROGRAMS/network" bytes
	report_is '[.network[] | has("sent_bytes", "received_bytes")] | any | not'
}

@test "without a network call the list is there, and empty" {
	audit true
	report_is '.network == [] and .totals.connections == 0'
	audit -e openat true
	report_is 'has("network") or (.totals | has("connections")) | not'
}

@test "of more messages at once than are looked at the report says that it does not know them all" {
	audit "$PROGRAMS/network" many
	same status 0 "$status"
	report_is '[.coverage.notes[].kind] == ["unread-messages"] and (.coverage.complete | not)'
	audit "$PROGRAMS/network" inet
	report_is '.coverage.complete'
}

@test "what a 32-bit program does by socketcall is selected by the name that it stands for" {
	needs_program policy_nolibc32
	[ "$("$PROGRAMS/policy_nolibc32" connect)" != -38 ] || skip 'no 32-bit calls on this machine'
	audit -e connect "$PROGRAMS/policy_nolibc32" sconnect
	same 'calls selected' connect "$(report '.syscalls[].name')"
	same peers 'connect inet null 127.0.0.1 9 1' "$(peers)"
	audit -e '!connect' "$PROGRAMS/policy_nolibc32" sconnect
	report_is 'all(.syscalls[].name; . != "connect" and . != "socketcall") and any(.syscalls[].name; . == "socket")'
}

@test "whom 32-bit programs send or connect to stands in the report, by socketcall too" {
	local how name op rule
	needs_program policy_nolibc32
	"$PROGRAMS/policy_nolibc32" connect || skip 'no 32-bit programs on this machine'
	for how in connect sendto sendmsg sendmmsg; do
		op=send
		[ $how != connect ] || op=connect
		for name in $how s$how; do
			for rule in 'allow net *' 'log syscall getppid'; do
				audit --rule "$rule" -o run.strace "$PROGRAMS/policy_nolibc32" "$name"
				same "network of $name" "$op inet udp 127.0.0.1 9 1" "$(peers)"
				report_is '.coverage.complete and any(.syscalls[]; .name == $how and .calls == 1 and .errors == 0)' --arg how $how
			done
			grep " $how([0-9]*<.*{sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr(\"127.0.0.1\")}.* = [01] <" run.strace
			[[ $how != *msg ]] || grep -F 'msg_namelen=16, msg_iov=[{iov_base="x"' run.strace
		done
	done
}
