#!/usr/bin/env bats
# What a rule forbids does not happen, is named, and nothing else is touched.

bats_require_minimum_version 1.5.0
load helper

POLICY=$PROGRAMS/policy

# judged RULE... -- [OPTION]... COMMAND...: audited under these rules; status, output and stderr as bats' run has them.
judged() {
	local rules=()
	while [ "$1" != -- ]; do
		rules+=(--rule "$1")
		shift
	done
	shift
	audit "${rules[@]}" "$@"
}

# gives OUTPUT RULE... -- [OPTION]... COMMAND...: the command prints that under these rules, and ends well.
gives() {
	local expected=$1
	shift
	judged "$@"
	same "output under $*, with '$stderr'" "$expected" "$output"
	same "status under $*" 0 "$status"
}

# violations: each as "action subject rule", a line each, in order.
violations() {
	report '.violations[] | "\(.action) \(.subject) \(.rule)"'
}

@test "without a policy the report has no violations, with one a list" {
	audit true
	report_is '(has("violations") or (.totals | has("violations"))) | not'
	judged 'deny net *' -- true
	report_is '.violations == [] and .totals.violations == 0'
}

@test "a call that is denied does not happen, fails with the rule's errno, and is in the report" {
	gives EPERM 'deny syscall mkdir' -- "$POLICY" call 83
	same violations 'deny syscall mkdir --rule:1' "$(violations)"
	report_is '.totals.violations == 1 and .violations[0].syscall == "mkdir" and .violations[0].process == 1'
	report_is 'any(.syscalls[]; .name == "mkdir" and .errnos == {"EPERM": 1})'
	gives ENOENT 'deny:ENOENT syscall @clock getppid' -- "$POLICY" call 110
	run ! "$PTWRAP" -q --rule 'deny syscall mkdir' mkdir made
	[ ! -e made ]
}

@test "calls through the vsyscall page are judged, each" {
	"$PROGRAMS/vsyscall" >/dev/null || skip 'no vsyscall page on this machine'
	local level
	for level in audit all; do
		audit --level "$level" --rule 'deny:E2BIG syscall gettimeofday time getcpu' "$PROGRAMS/vsyscall"
		same "output at $level" $'2 getcpu -7 none\n2 gettimeofday -7 never\n2 time refused' \
			"$(LC_ALL=C sort <<<"$output" | uniq -c | sed 's/^ *//')"
		report_is '[.violations[].syscall] == ["gettimeofday", "time", "getcpu", "gettimeofday", "time", "getcpu"]'
	done
}

@test "a call that is denied is denied whatever is selected, and reported only if it is" {
	local options
	for options in '--level all' '-e none' '--no-shim'; do
		# shellcheck disable=SC2086
		gives EPERM 'deny syscall getppid' -- $options "$POLICY" call 110
		same "violations with $options" 'deny syscall getppid --rule:1' "$(violations)"
	done
	report_is 'any(.syscalls[]; .name == "getppid") | not'
}

@test "the last rule that matches decides, and allow takes nothing away" {
	gives EPERM 'allow syscall *' 'deny syscall getppid' -- "$POLICY" call 110
	judged 'deny syscall getppid' 'allow syscall getppid' -- "$POLICY" call 110
	[[ $output == ok* ]]
	same violations '' "$(violations)"
}

@test "log reports and goes on" {
	judged 'log syscall getppid' -- "$POLICY" call 110
	[[ $output == ok* ]]
	same violations 'log syscall getppid --rule:1' "$(violations)"
	[[ $stderr == *'ptwrap: logged: syscall getppid by policy (pid '*'): --rule:1' ]]
}

@test "kill ends the whole tree at the call" {
	judged 'kill syscall getppid' -- sh -c "sleep 1000 & '$POLICY' call 110; echo survived"
	same status 137 "$status"
	same output '' "$output"
	same violations 'kill syscall getppid --rule:1' "$(violations)"
	report_is '.exit.signal == "SIGKILL" and all(.processes[]; .exit != null)'
}

@test "--dry-run forbids nothing and reports all" {
	gives ok 'deny net *' 'kill syscall bind' -- --dry-run "$POLICY" bind 127.0.0.1 0
	same violations "$(printf '%s\n' 'deny net 127.0.0.1:0 --rule:1' 'kill syscall bind --rule:2')" "$(violations | sort)"
	report_is 'all(.violations[]; .dry_run)'
	[[ $stderr == *'would be denied: net 127.0.0.1:0 by policy'* ]]
}

@test "an address is judged in each call that takes one" {
	local how
	for how in connect bind sendto sendmsg sendmmsg unspec; do
		gives EPERM 'deny net *' -- "$POLICY" $how 127.0.0.1 9
		same "violations of $how" 'deny net 127.0.0.1:9 --rule:1' "$(violations)"
		gives EPERM 'deny net *' 'allow net 127.0.0.1:8' -- "$POLICY" $how 127.0.0.1 9
		gives "$("$POLICY" $how 127.0.0.1 9)" 'deny net *' 'allow net 127.0.0.0/8:9' -- "$POLICY" $how 127.0.0.1 9
		same "violations of $how" '' "$(violations)"
	done
}

@test "a datagram that is denied does not arrive, one that is allowed does" {
	local how
	for how in sendto sendmsg sendmmsg; do
		gives $'EPERM\nnothing' 'deny net *' 'allow net 127.0.0.1:0' -- "$POLICY" arrive $how 127.0.0.1
		gives $'ok 1\narrived' 'deny net *' 'allow net 127.0.0.0/8' -- "$POLICY" arrive $how 127.0.0.1
	done
}

@test "no other spelling of an address leads past its rule" {
	gives EPERM 'deny net 127.0.0.1' -- "$POLICY" connect 0.0.0.0 9
	gives EPERM 'deny net 127.0.0.1' -- "$POLICY" sendto 0.0.0.0 9
	gives EPERM 'deny net 127.0.0.1' -- "$POLICY" sendto ::ffff:127.0.0.1 9
	gives EPERM 'deny net 127.0.0.1' -- "$POLICY" connect ::ffff:0.0.0.0 9
	gives EPERM 'deny net [::1]' -- "$POLICY" connect :: 9
}

@test "a socket that listens without an address is judged as if bound to any" {
	gives EPERM 'deny net *' 'allow net 127.0.0.1' -- "$POLICY" listen 127.0.0.1 -
	same violations 'deny net 0.0.0.0:0 --rule:1' "$(violations)"
	gives EPERM 'deny net *' 'allow net 127.0.0.1' -- "$POLICY" listen :: -
	gives ok 'deny net *' 'allow net 127.0.0.1' -- "$POLICY" listen 127.0.0.1 0
	gives ok 'deny net 1.2.3.4' -- "${POLICY}_static" listen 127.0.0.1 -
}

@test "a family without addresses is judged when its socket is made" {
	gives EPERM 'deny net *' -- "$POLICY" socket 17 3
	same violations 'deny net packet --rule:1' "$(violations)"
	gives EPERM 'deny net netlink' -- "$POLICY" socket 16 3
	gives ok 'deny net *' -- "$POLICY" socket 16 3
	gives ok 'deny net *' -- "$POLICY" socket 2 2
	gives EPERM 'deny net *' -- "$POLICY" socket 2 3
}

@test "unix sockets are judged by path, links followed, and by abstract name" {
	mkdir run
	ln -s run link
	gives EPERM "deny net unix:$PWD/run/**" -- "$POLICY" unix bind link/socket
	[ ! -e run/socket ]
	same violations "deny net unix:$PWD/run/socket --rule:1" "$(violations)"
	gives ok "deny net unix:$PWD/other/**" -- "$POLICY" unix bind run/socket
	gives EPERM "deny net unix:$PWD/run/**" -- "$POLICY" unix connect "$PWD/link/../run/socket"
	gives $'ok\nok' "deny net unix:$PWD/other/**" -- "$POLICY" unix both link/both
	gives $'ok\nok' "deny net *" -- "$POLICY" unix both link/unjudged
	gives ENOENT "deny net unix:$PWD/other/**" -- "$POLICY" unix connect run/missing
	gives $'ok\nEPERM' "deny syscall connect" -- "$POLICY" unix both link/both2
	gives EPERM 'deny net unix:@**' -- "$POLICY" unix bind @name
	same violations 'deny net unix:@name --rule:1' "$(violations)"
	gives ok 'deny net *' -- "$POLICY" unix bind @name
}

@test "to bind a unix socket to a path is to write there" {
	mkdir run
	ln -s run link
	gives EPERM "deny write $PWD/run/**" -- "$POLICY" unix bind link/socket
	[ ! -e run/socket ]
	same violations "deny write $PWD/run/socket --rule:1" "$(violations)"
	gives EPERM 'deny net *' "deny write $PWD/run/**" -- "$POLICY" unix bind "$PWD/run/socket"
	gives ok "deny write $PWD/other/**" -- "$POLICY" unix bind link/socket
	[ -S run/socket ]
	gives EADDRINUSE "deny write $PWD/other/**" -- "$POLICY" unix bind run/socket
	gives ENOENT "deny write $PWD/other/**" -- "$POLICY" unix bind run/new/
	gives ENOENT "deny write $PWD/other/**" -- "$POLICY" unix bind missing/socket
	gives ok "deny write $PWD/run/**" -- "$POLICY" unix connect run/socket || [ "$output" = ECONNREFUSED ]
}

@test "mounts lead to no unix socket by another name" {
	needs_root
	mkdir run other
	"$POLICY" unix bind run/socket
	run -0 unshare -m sh -c 'mount --bind run other && "$0" unix connect other/socket' "$POLICY"
	same 'without rules' ECONNREFUSED "$output"
	judged "deny net unix:$PWD/run/**" -- unshare -m sh -c 'mount --bind run other; "$0" unix connect other/socket' "$POLICY"
	same 'with them' ENOENT "$output"
	judged 'deny net *' -- unshare -m mount --bind run other
	same 'status where no rule names a path' 0 "$status"
}

@test "under rules on its path a unix socket has the name that the program gave it" {
	local rule options expected
	mkdir run
	expected=$'run/socket 11\nrun/socket 11\nrun/client 11\nok'
	for rule in 'deny write /nowhere/**' 'deny net unix:/nowhere/**'; do
		for options in -q '-l all' '-l all --no-shim'; do
			rm -f run/*
			# shellcheck disable=SC2086
			gives "$expected" "$rule" -- $options "$POLICY" names run/socket run/client
		done
	done
	report_is 'any(.network[]; .op == "accept" and .address == "run/client")'
	for i in 1 2 3; do
		mkdir "$i"
		gives "$i/s 4"$'\n'"$i/s 4"$'\n'"$i/c 4"$'\nok' "$rule" -- "$POLICY" names "$i/s" "$i/c"
	done
}

@test "sockets of one name in many directories are told apart" {
	needs python3
	run -0 "$PTWRAP" -q --rule 'deny write /nowhere/**' python3 -c '
import os, socket
made = []
for i in range(2000):
	os.mkdir(str(i))
	made.append((socket.socket(socket.AF_UNIX), f"{i}/listener"))
	made[-1][0].bind(made[-1][1])
	made[:-200] = []
	assert all(s.getsockname() == name for s, name in made[::20])
'
}

@test "static programs are judged, and 32-bit ones by every way to make the call" {
	gives EPERM 'deny net *' -- "${POLICY}_static" connect 127.0.0.1 9
	gives ok 'deny net 1.2.3.4' -- "${POLICY}_static" connect 127.0.0.1 9
	needs_program policy_nolibc32
	local how native
	for how in connect sendto sendmsg sendmmsg sconnect ssendto ssendmsg ssendmmsg; do
		native=$("${POLICY}_nolibc32" $how)
		[ "$native" != -38 ] || skip 'no 32-bit calls on this machine'
		gives -1 'deny net *' -- "${POLICY}_nolibc32" $how
		same "violations of $how" 'deny net 127.0.0.1:9 --rule:1' "$(violations)"
		gives "$native" 'deny net 1.2.3.4' -- "${POLICY}_nolibc32" $how
	done
	for how in bind sbind; do
		rm -f bound
		gives -1 "deny write $PWD/bound" -- "${POLICY}_nolibc32" $how
		[ ! -e bound ]
		gives bound0 "deny write $PWD/other" -- "${POLICY}_nolibc32" $how
	done
	gives -1 'deny syscall connect' -- "${POLICY}_nolibc32" connect
	gives -1 'deny syscall connect' -- "${POLICY}_nolibc32" sconnect
}

@test "a program is judged by where its path leads, before it runs" {
	cp /bin/true here
	ln -s here link
	judged "deny exec $PWD/here" -- sh -c './link; echo $?; ./here; echo $?'
	same output $'126\n126' "$output"
	same violations "$(printf 'deny exec %s --rule:1\n' "$PWD/here" "$PWD/here")" "$(violations)"
	judged "deny exec $PWD/here" -- "$PWD/here"
	same status 126 "$status"
}

@test "what a program needs to run is judged too: the interpreter of its first line, its loader" {
	printf '#!%s\necho ran\n' "$(realpath "$(command -v sh)")" >script
	chmod +x script
	cp "$POLICY" copy
	local shell loader
	shell=$(realpath "$(command -v sh)")
	loader=$(realpath "$(readelf -l "$POLICY" | sed -n 's/.*program interpreter: \(.*\)]/\1/p')")
	judged "deny exec $PWD/script" -- "$POLICY" call 110
	same status 0 "$status"
	judged "deny exec $shell" -- env ./script
	same output '' "$output"
	same violations "deny exec $shell --rule:1" "$(violations)"
	judged "deny exec $loader" -- "${POLICY}_static" call 110
	same status 0 "$status"
	judged "deny exec $loader" -- ./copy call 110
	same status 126 "$status"
}

@test "a file that may not be executed may not be mapped so either" {
	cp /bin/true here
	gives EPERM "deny exec $PWD/here" -- "$POLICY" map here
	same violations "deny exec $PWD/here --rule:1" "$(violations)"
	gives EPERM "deny exec $PWD/here" -- "$POLICY" protect here
	gives ok "deny exec $PWD/there" -- "$POLICY" protect here
	local loader
	loader=$(realpath "$(readelf -l "$POLICY" | sed -n 's/.*program interpreter: \(.*\)]/\1/p')")
	judged "deny exec $PWD/here" -- sh -c "'$loader' ./here || echo not"
	same output not "$output"
	same violations "deny exec $PWD/here --rule:1" "$(violations)"
}

@test "nor may a library that is loaded while the program runs, not one that looks like a libc either" {
	local name rule expected
	for name in libcalls liblibc; do
		for rule in 'syscall connect' "exec $PROGRAMS/$name.so" "exec sha256:$(sha256sum <"$PROGRAMS/$name.so" | cut -d ' ' -f 1)"; do
			expected=20
			[[ $rule == exec* ]] || expected=0
			judged "deny $rule" -- "$PROGRAMS/fast_loads" "$PROGRAMS/$name.so"
			same "status under $rule" 0 "$status"
			same "loads of $name that failed under $rule" $expected "$(grep -c '^not loaded' <<<"$output")"
		done
	done
}

@test "a program is judged by its content: a copy is the same, a changed one is not" {
	local digest
	cp /bin/true one
	cp /bin/true two
	digest=$(sha256sum <one | cut -d ' ' -f 1)
	judged "deny exec sha256:$digest" -- sh -c './two; echo $?; ./one; echo $?'
	same output $'126\n126' "${output/137/126}"
	printf x >>two
	judged "deny exec sha256:$digest" -- sh -c './two && echo ran'
	same output ran "$output"
	judged "deny exec $PWD/**" "allow exec sha256:$digest" -- sh -c './one && echo ran; ./two || echo not'
	same output $'ran\nnot' "$output"
}

@test "rules for a program hold for what it starts, and for nothing else" {
	cp "$POLICY" own
	judged "for $PWD/own deny net *" -- sh -c "'$POLICY' connect 127.0.0.1 9; ./own connect 127.0.0.1 9"
	same output $'ok\nEPERM' "$output"
	judged "for $(realpath /bin/sh) deny net *" -- "$POLICY" twice connect 127.0.0.1 9
	same output $'ok\nok' "$output"
	judged "for $(realpath /bin/sh) deny net *" -- sh -c "env '$POLICY' twice connect 127.0.0.1 9"
	same output $'EPERM\nEPERM' "$output"
	judged 'deny net *' "for $PWD/own allow net 127.0.0.1" -- sh -c "./own connect 127.0.0.1 9; '$POLICY' connect 127.0.0.1 9"
	same output $'ok\nEPERM' "$output"
}

@test "a script named by a for rule is in its domain" {
	printf '#!/bin/sh\n%s connect 127.0.0.1 9\n' "$POLICY" >script
	chmod +x script
	judged 'deny net *' "for $PWD/script allow net *" -- sh -c "./script; '$POLICY' connect 127.0.0.1 9"
	same output $'ok\nEPERM' "$output"
}

@test "ptwrap's own processes are out of reach of a judged tree" {
	local what
	for what in 'pidfd' 'prlimit' 'trace' 'peek'; do
		judged 'deny syscall @reboot' -- sh -c "'$POLICY' $what \$PPID"
		same "$what of the launcher" EPERM "$output"
	done
	judged 'deny syscall @reboot' -- sh -c "'$POLICY' signal \$PPID 9; '$POLICY' signal \$PPID 0; '$POLICY' signal \$\$ 0"
	same output $'EPERM\nEPERM\nok' "$output"
	report_is 'any(.coverage.notes[]; .kind == "policy-guard")'
	judged 'deny syscall @reboot' -- sh -c "'$POLICY' signal \$(sed -n 's/TracerPid:.//p' /proc/self/status) 9"
	same output EPERM "$output"
}

# Prints the pid of the caller's ptwrap's witness.
witness='for p in /proc/[0-9]*; do grep -qsx ptwrap-witness $p/comm && grep -qsx "PPid:.$PPID" $p/status && echo ${p#/proc/}; done'

@test "nor is its witness within reach, which is a process outside the tree" {
	judged 'deny syscall @reboot' -- sh -c "w=\$($witness); '$POLICY' prlimit \$w; '$POLICY' signal \$w 9; '$POLICY' pidfd \$w"
	same output $'EPERM\nEPERM\nEPERM' "$output"
}

@test "no descriptor is taken from a process outside the tree, nor where another thread could say from which" {
	sleep 100 3>&- &
	judged 'deny syscall @reboot' -- "$POLICY" take $!
	same 'from outside' $'EPERM\nok\nEPERM\nEPERM' "$output"
	judged 'deny syscall @reboot' -- sh -c "sleep 100 & '$POLICY' take \$!; kill \$!"
	same 'from inside' $'ok\nok\nok\nEPERM' "$output"
	kill %%
}

@test "root cannot write to its witness either" {
	needs_root
	judged 'deny exec /nonexistent' -- sh -c "w=\$($witness); : >/proc/\$w/mem"
	[[ $stderr == *'Operation not permitted'* ]]
}

# without_mseal [OPTION]... COMMAND...: as audit, on what is to ptwrap a kernel before 6.10.
without_mseal() {
	run --separate-stderr "$PROGRAMS/refuse" mseal=ENOSYS "$PTWRAP" -q -o run.json "$@"
}

@test "without mseal rules on what pointers lead to are refused, and with --best-effort kept as far as can be" {
	printf 'deny write %s/d/**\ndeny net 127.0.0.2\ndeny exec %s/nc\n' "$PWD" "$PWD" >p.policy
	mkdir d
	without_mseal -P p.policy touch ran
	same status 125 "$status"
	[[ $stderr == *'rules on write and net need Linux 6.10 (mseal)'*'--best-effort'* ]]
	[ ! -e ran ]
	without_mseal --dry-run -P p.policy sh -c 'echo >d/x'
	same 'status of --dry-run' 0 "$status"
	report_is '[.violations[] | .subject | sub(" .*/"; " ")] == ["write x"]'
	rm d/x
	cp /bin/true nc
	without_mseal --best-effort -P p.policy sh -c "echo >d/x; mkdir d/y; '$POLICY' connect 127.0.0.2 9; ./nc; touch ran"
	same 'status and output' '0 EPERM' "$status $output"
	[ -e ran ] && [ -z "$(ls d)" ]
	report_is '[.violations[].subject | sub(" .*/"; " ")] == ["write x", "write y", "net 127.0.0.2:9", "exec nc"]'
	report_is '[.coverage.notes[] | select(.kind == "policy-unenforced").text] == [$why]' \
		--arg why 'rules on write and net need Linux 6.10 (mseal), or another thread could exchange what was judged'
}

@test "where a limit leaves no memory that is safe from the program, rules on what pointers lead to are refused as well" {
	ulimit -f 1000
	run -125 "$PTWRAP" -q --rule 'deny net 127.0.0.2' --rule 'deny read /nonexistent' touch ran
	[[ $output == 'ptwrap: rules on read and net need memory that no program can change: File too large; --best-effort runs '* ]]
	[ ! -e ran ]
	judged 'deny net 127.0.0.2' -- --best-effort "$POLICY" connect 127.0.0.2 9
	same output EPERM "$output"
	report_is 'any(.coverage.notes[]; .kind == "policy-unenforced")'
	judged 'deny exec /nonexistent' -- "$POLICY" connect 127.0.0.2 9
	same 'status with rules that need none' 0 "$status"
	report_is 'all(.coverage.notes[]; .kind != "policy-unenforced")'
}

@test "without mseal root cannot simply write to ptwrap's own processes either" {
	needs_root
	without_mseal --rule 'deny exec /nonexistent' sh -c ': >/proc/$PPID/mem'
	[[ $stderr == *'Operation not permitted'* ]]
	report_is 'any(.coverage.notes[]; .kind == "policy-guard")'
}

@test "--error-exitcode is the status of a success that broke a rule, and of nothing else" {
	judged 'deny net *' -- --error-exitcode 3 "$POLICY" connect 127.0.0.1 9
	same status 3 "$status"
	judged 'log net *' -- --error-exitcode 3 "$POLICY" connect 127.0.0.1 9
	same status 0 "$status"
	judged 'deny net *' -- --error-exitcode 3 sh -c "'$POLICY' connect 127.0.0.1 9; exit 5"
	same status 5 "$status"
	judged 'deny net *' -- --error-exitcode 3 --dry-run "$POLICY" connect 127.0.0.1 9
	same status 3 "$status"
	judged 'deny net *' -- --error-exitcode 3 true
	same status 0 "$status"
}

@test "what outlives COMMAND goes on being judged" {
	judged 'deny net *' -- "$POLICY" daemon said connect 127.0.0.1 9
	same status 0 "$status"
	until [ -e said ]; do :; done
	same 'what the daemon got' EPERM "$(cat said)"
	judged 'deny net *' -- --on-exit judge "$POLICY" daemon said2 sendmmsg 127.0.0.1 9
	until [ -e said2 ]; do :; done
	same 'what the daemon got' EPERM "$(cat said2)"
	judged 'deny net 1.2.3.4' -- "$POLICY" daemon said3 sendmmsg 127.0.0.1 9
	until [ -e said3 ]; do :; done
	same 'what the daemon got' 'ok 1' "$(cat said3)"
}

@test "--on-exit wait reports what it did, --on-exit kill ends it" {
	judged 'deny net *' -- --on-exit wait "$POLICY" daemon said connect 127.0.0.1 9
	same 'what the daemon got' EPERM "$(cat said)"
	report_is '.totals.violations == 1 and .coverage.complete'
	audit --on-exit kill sh -c 'sleep 1000 & echo $!'
	[[ $(sed 's/.*) //' "/proc/$output/stat" 2>/dev/null) =~ ^(Z|X|$) ]]
	report_is '.exit.code == 0 and all(.processes[]; .exit != null) and .processes[1].exit.signal == "SIGKILL"'
}

@test "each rule speaks once a second at most, the report tells all" {
	judged 'log syscall getpgid' -- sh -c "for i in 1 2 3 4 5; do '$POLICY' call 121; done"
	report_is '.totals.violations == 5'
	same lines 1 "$(grep -c 'logged: syscall getpgid by policy' <<<"$stderr")"
}

@test "a secret is masked in a violation and on the terminal" {
	export MY_TOKEN=sesame-open-12345
	mkdir "a-$MY_TOKEN"
	judged "deny net unix:$PWD/**" -- "$POLICY" unix bind "a-$MY_TOKEN/socket"
	same output EPERM "$output"
	[[ $stderr == *'/a-***/socket'* ]]
	run ! grep -q "$MY_TOKEN" run.json
	[[ $stderr != *"$MY_TOKEN"* ]]
}

@test "violations stand in every report" {
	judged 'deny net *' -- -o run.ndjson -o run.txt -o run.ptw "$POLICY" connect 127.0.0.1 9
	jq -es 'any(.[]; .event == "violation" and .subject == "net 127.0.0.1:9" and .rule == "--rule:1" and
		.errno == "EPERM" and .action == "deny" and .comm == "policy")' run.ndjson
	grep -q 'deny net 127.0.0.1:9: --rule:1  by .*policy connect 127.0.0.1 9' run.txt
	mv run.json first.json
	run --separate-stderr "$PTWRAP" --read run.ptw -o run.json
	same 'report, made again' "$(cat first.json)" "$(cat run.json)"
	[[ $stderr == *'1 violations'* && $stderr == *'deny 1 x net 127.0.0.1:9: --rule:1'* ]]
}

@test "descriptors that a rule would have denied, and sockets, are named at the start" {
	echo x >given
	exec 7<given
	judged "deny read $PWD/given" -- --dry-run true
	exec 7<&-
	report_is 'any(.coverage.notes[]; .kind == "policy-inherited" and .text == $text)' \
		--arg text "descriptor 7: $PWD/given, against --rule:1"
}

@test "rules in files and --rule are one policy, the later ones deciding" {
	printf 'default allow\ndeny net *\n' >first.policy
	printf 'allow net 127.0.0.1\n' >second.policy
	audit -P first.policy -P second.policy "$POLICY" connect 127.0.0.1 9
	same output ok "$output"
	audit -P second.policy --policy first.policy "$POLICY" connect 127.0.0.1 9
	same output EPERM "$output"
	same violations 'deny net 127.0.0.1:9 first.policy:2' "$(violations)"
	audit -P first.policy --rule 'allow net *' "$POLICY" connect 127.0.0.1 9
	same output ok "$output"
}

@test "a policy that cannot be read, or enforced, is refused and nothing is run" {
	local file
	printf 'deny net *\ndeny nett *\n' >bad.policy
	for file in bad.policy missing.policy; do
		run --separate-stderr "$PTWRAP" -P $file touch ran
		same "status of $file" 125 "$status"
		[[ $stderr == "ptwrap: $file:"* ]]
		[ ! -e ran ]
	done
	run --separate-stderr "$PTWRAP" -P bad.policy touch ran
	[[ $stderr == 'ptwrap: bad.policy:2:6: '* ]]
	run --separate-stderr "$PTWRAP" --level exec --rule 'deny net *' touch ran
	same status 125 "$status"
	run --separate-stderr "$PTWRAP" --allow-io-uring --rule 'deny net *' touch ran
	same status 125 "$status"
	run --separate-stderr "$PTWRAP" --dry-run touch ran
	same status 125 "$status"
	run --separate-stderr "$PTWRAP" --error-exitcode 256 --rule 'deny net *' touch ran
	same status 125 "$status"
	[ ! -e ran ]
}

@test "with rules there is no clone3, whose flags nobody could be sure of, and libc makes do without" {
	local rule='deny exec /nothing/**'
	same refused 'clone3: ENOSYS' "$("$PTWRAP" -q --rule "$rule" "$PROGRAMS/births" untraced-clone3)"
	same recorded 'clone3: ENOSYS' "$("$PTWRAP" -q -l all -o run.json --rule "$rule" --no-shim "$PROGRAMS/births" untraced-clone3)"
	report_is '.violations == [] and any(.syscalls[]; .name == "clone3" and .calls == 1 and .errors == 1)'
	same 'dry run' ENOSYS "$("$PTWRAP" -q --dry-run --rule "$rule" "$PROGRAMS/births" untraced-clone3)"
	audit --rule "$rule" "$PROGRAMS/births" spawn 3
	same children 3 "$(report '[.processes[] | select(.parent == 1)] | length')"
	run -7 "$PTWRAP" -q --rule "$rule" "$PROGRAMS/threads" leaderless # one of its threads ends it
}

@test "a filter of the program's own hides no call from the policy" {
	rm -f made
	gives ok 'deny syscall mknod' -- "$POLICY" hidden 121
	gives EPERM 'deny syscall getpgid' -- "$POLICY" hidden 121
	same violations 'deny syscall getpgid --rule:1' "$(violations)"
}

@test "an address that another thread exchanges meanwhile is judged and used as one" {
	[ "$("$POLICY" flip 20000 127.0.0.1 127.0.0.2)" -gt 0 ]
	gives 0 'deny net 127.0.0.2' -- "$POLICY" flip 20000 127.0.0.1 127.0.0.2
	report_is '.totals.violations > 0'
}
