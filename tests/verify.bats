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
