# --verify: what processes record of themselves is what the kernel's view records of them, call by call.

load helper

# verified OPTION... COMMAND...: no difference, and not because nothing was compared.
verified() {
	run "$PTWRAP" --verify -o run.json "$@"
	same status 0 "$status"
	[[ $output =~ "--verify: "([0-9]+)" calls compared, 0 differences" ]]
	((BASH_REMATCH[1] > 50))
	report_is '.coverage.complete and .coverage.with_shim > 0'
}

@test "a parallel build tells of each call what the kernel saw of it" {
	hello_project hello
	verified make -C hello -j2 test
}

@test "so does every call of that build" {
	hello_project hello
	verified -l all make -C hello -j2 test
}

@test "a shell's redirections, pipes, directories and failures are told as the kernel sees them" {
	cp "$TOP/tests/oracle/odd/odd.sh" .
	verified -l all sh odd.sh
}

@test "names relative to descriptors are told as the kernel sees them" {
	needs python3
	cp "$TOP/tests/oracle/odd/descriptors.py" .
	verified -l all "$(PATH=/usr/local/bin:/usr/bin:/bin:$PATH command -v python3)" descriptors.py
}

# agreed OPTION... COMMAND...: no difference, whatever becomes of COMMAND and however little is compared.
agreed() {
	run "$PTWRAP" --verify -o run.json "$@"
	[[ $output =~ "--verify: "([0-9]+)" calls compared, 0 differences" ]]
	((BASH_REMATCH[1] > 20))
	[ "$status" -ne 125 ]
}

@test "names in /proc, pipes, pairs and received descriptors are told as the kernel sees them" {
	needs python3
	cp "$TOP/tests/oracle/odd/names.py" .
	agreed -l all "$(PATH=/usr/local/bin:/usr/bin:/bin:$PATH command -v python3)" names.py
	verified bash -c 'diff <(ls /etc) <(ls /etc) && cat /proc/mounts /proc/net/dev /proc/self/status | wc -l'
}

@test "calls that signals interrupt, restart or leave are told as the kernel sees them" {
	local what
	for what in awaited timed handled; do
		agreed -l all "$PROGRAMS/interrupted" "$what"
	done
	agreed -l all "$PROGRAMS/fast_restarts"
	agreed -l all "$PROGRAMS/fast_signals" storm 500
	agreed -l all "$PROGRAMS/fast_signals" jumps 500
}

@test "tasks of every birth, and what death cuts off, are told as the kernel sees them" {
	local how
	agreed -l all "$PROGRAMS/fast_births" all
	for how in exec-living exec-leaderless 'exec-race 8' leaderless; do
		# shellcheck disable=SC2086
		agreed -l all "$PROGRAMS/threads" $how
	done
	agreed -l all bash -c 'sleep 10 & kill -9 $!; wait; (read -r _ </dev/null; kill -9 $$) & cat <(sleep 10)'
}

@test "paths are told of calls that fail for other reasons, and none where there is none" {
	local what
	for what in default handled blocked ignored; do
		agreed -l all "$PROGRAMS/fast_pointers" "$what"
	done
}

@test "in other namespaces and roots what cannot be known any more is not told" {
	needs_root
	local what
	for what in pid-ns mount-ns chroot; do
		agreed -l all "$PROGRAMS/fast_worlds" "$what"
	done
	verified unshare -mpf --mount-proc sh -c 'cat /proc/self/comm; ls /proc/self/fd; cat /etc/localtime | wc -c'
}
