#!/usr/bin/env bats
# The shim in real programs: they run as they would without it, and tell what only they can know.

bats_require_minimum_version 1.5.0
load helper

# unchanged [COMMAND]...: output, standard error and status are those of the command alone. In `_` the shell says which
# program it started itself: COMMAND or ptwrap.
unchanged() {
	run --separate-stderr env -u _ "$@"
	local native_status=$status native_output=$output native_stderr=$stderr
	run --separate-stderr env -u _ "$PTWRAP" -q -o run.json "$@"
	same status "$native_status" "$status"
	same stdout "$native_output" "$output"
	same stderr "$native_stderr" "$stderr"
}

# has_library NAME: some process names a library of that file name, with its build id.
has_library() {
	report_is 'any(.processes[].libraries[]?; (.path | endswith("/" + $name)) and (.build_id | test("^[0-9a-f]{16,}$")))' \
		--arg name "$1"
}

@test "the environment is the one it would have been" {
	unchanged env
	unchanged env -i /usr/bin/env
	unchanged env -i A=1 /usr/bin/env
	unchanged sh -c 'export -p'
	unchanged sh -c 'tr "\0" "\n" </proc/self/environ'
}

@test "an LD_PRELOAD that is there stays, and works" {
	unchanged env LD_PRELOAD=libm.so.6 /usr/bin/env
	unchanged env LD_PRELOAD= /usr/bin/env
	audit env LD_PRELOAD=libm.so.6 /bin/true
	has_library libm.so.6
}

@test "a preload that is missing is complained of as ever" {
	unchanged env LD_PRELOAD=/nonexistent.so /bin/true
	[[ $stderr == *nonexistent.so* && $stderr != *shim* ]]
}

@test "no descriptor is left in the command" {
	unchanged sh -c 'ls /proc/self/fd'
}

@test "ldd and LD_DEBUG print what they would" {
	audit env LD_TRACE_LOADED_OBJECTS=1 /bin/true
	[[ $output == *libc.so.6* && $output != *shim* ]]
	audit env LD_DEBUG=libs /bin/true
	[[ $stderr != *shim* ]]
}

@test "libraries are named with their build ids, the shim is not" {
	audit /bin/true
	has_library libc.so.6
	report_is '[.processes[].libraries[]?.path | select(test("shim"))] == []'
}

@test "the build id is the file's own" {
	needs readelf
	audit /bin/true
	local libc
	libc=$(report '.processes[0].libraries[] | select(.path | endswith("/libc.so.6")) | .path')
	same 'build id' "$(readelf -n "$libc" | awk '/Build ID/ { print $3 }')" \
		"$(report '.processes[0].libraries[] | select(.path | endswith("/libc.so.6")) | .build_id')"
}

@test "at level exec libraries are known too" {
	audit --level exec /bin/true
	same status 0 "$status"
	has_library libc.so.6
}

@test "--no-shim leaves it out" {
	audit --no-shim sh -c 'cat /proc/self/maps'
	[[ $output != *ptwrap* ]]
	report_is '[.processes[].libraries[]?] == []'
}

@test "nothing of it stays behind" {
	audit cat /proc/self/maps
	[[ $output =~ (/[^[:space:]]*/)shim\.so ]]
	[ ! -e "${BASH_REMATCH[1]}" ]
}

@test "nothing of it stays behind for a daemon, which goes on without" {
	mkfifo go started
	"$PTWRAP" -q sh -c '(setsid sh -c "cat /proc/self/maps >maps; echo >started; read -r x <go; ls / >listed; kill -0 \$\$ && echo well >said" <&- >/dev/null 2>&1 3>&- &) ; read -r _ <started' 9>&1
	[[ $(<maps) =~ (/[^[:space:]]*/)shim\.so ]]
	[ ! -e "${BASH_REMATCH[1]}" ]
	mkfifo said
	echo >go
	same 'what the daemon did' well "$(<said)"
	same listed "$(ls /)" "$(<listed)"
}

@test "where its file cannot be made that is noted" {
	bash -c 'ulimit -f 100; exec "$PTWRAP" -q -o run.json true'
	report_is '.coverage | .complete and any(.notes[]; .kind == "shim-refused" and (.text | test("File too large")))'
}

@test "another place is taken where /dev/shm does not do" {
	needs_root
	needs unshare
	run unshare -m sh -c 'mount -t tmpfs -o noexec none /dev/shm && "$0" -q -o run.json true' "$PTWRAP"
	same status 0 "$status"
	has_library libc.so.6
}

@test "in a root without the shim the loader is silent" {
	needs_root
	mkdir -p root/bin root/lib root/lib64
	local file
	for file in /bin/true $(ldd /bin/true | grep -o '/[^ ]*'); do
		mkdir -p "root$(dirname "$file")"
		cp -L "$file" "root$file"
	done
	audit chroot root /bin/true
	same status 0 "$status"
	same stderr '' "$stderr"
}

@test "180,000 arguments are no hindrance" {
	audit bash -c 'ulimit -s 65536; exec sh -c "echo \$#" sh $(yes a | head -n 180000)'
	same stdout 180000 "$output"
	has_library libc.so.6
}

@test "a small stack is left as it is" {
	unchanged bash -c 'ulimit -s 128; exec sh -c "echo \$#" sh $(yes a | head -n 4000)'
}
