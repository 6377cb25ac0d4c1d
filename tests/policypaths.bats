#!/usr/bin/env bats
# Rules on read and write hold for what a path leads to, however it is spelled; what they allow works as it does natively.

bats_require_minimum_version 1.5.0
load helper


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

# forbidden RULE SHELL-COMMAND...: each of them fails under the rule, for no other reason, and succeeds without.
forbidden() {
	local rule=$1 command
	shift
	for command; do
		judged "$rule" -- sh -c "$command"
		[ "$status" -ne 0 ] || same "status of $command" 'not 0' 0
		[[ $stderr == *'Operation not permitted'* ]] || same "stderr of $command" 'Operation not permitted' "$stderr"
		report_is '.totals.violations > 0'
	done
	for command; do
		judged "${rule/deny/log}" -- sh -c "$command"
		same "status of $command, with '$stderr'" 0 "$status"
		report_is '.totals.violations > 0'
	done
}

# violations: each as "action subject rule", a line each, in order.
violations() {
	report '.violations[] | "\(.action) \(.subject) \(.rule)"'
}

# guarded: a folder `in` with a file and a folder, and ways to it: link, in/../in, and its own folder `out`.
guarded() {
	mkdir in in/folder out
	echo kept >in/file
	ln -s in link
	ln -s ../in/file out/file
}

@test "to list a directory is to read it, not to write it" {
	guarded
	judged "deny write $PWD/in" "deny read $PWD/out" -- ls in
	same output "$(ls in)" "$output"
	report_is '.totals.violations == 0'
	judged "deny read $PWD/in" -- ls in
	report_is '.totals.violations > 0'
}

@test "what a write rule denies is not made, not changed and not removed" {
	guarded
	forbidden "deny write $PWD/in/**" 'echo x >in/new' 'echo x >>in/file' 'truncate -s 0 in/file' 'chmod 600 in/file' \
		'touch in/file' 'mkdir in/other' 'ln -s x in/symbolic' 'mv out/file in/moved' 'mkfifo in/fifo' 'rm in/new' \
		'rmdir in/other' 'rm -r in/folder'
	rm -rf in out link
	guarded
	judged "deny write $PWD/in/**" -- sh -c 'echo x >in/file; rm in/file; rmdir in/folder; mv in/file out/moved; cat in/file'
	same output kept "$output"
	same 'the folder' "$(printf 'file\nfolder')" "$(ls in)"
}

@test "no other way to a file leads past its rule" {
	guarded
	cd out
	local in
	in=$(dirname "$PWD")/in
	forbidden "deny write $in/**" 'echo x >../in/file' 'echo x >../link/file' 'echo x >file' "echo x >/proc/self/root$in/file" \
		'echo x >/proc/self/cwd/../in/file' 'cd ../in && echo x >file' 'exec 3<../in/file; echo x >/proc/self/fd/3' \
		'exec 3<../in; echo x >/proc/self/fd/3/file' 'exec 3<../in; echo x >/dev/fd/3/file' 'echo x >.././in//folder/../file'
}

@test "a link out of a protected place, or a rename of what holds it, is a write and a read there" {
	guarded
	mkdir -p above/protected
	echo kept >above/protected/file
	forbidden "deny write $PWD/in/**" 'ln in/file out/hard' 'mv in gone'
	[ ! -e out/hard ] || rm out/hard
	[ ! -d gone ] || mv gone in
	forbidden "deny read $PWD/in/**" 'ln in/file out/hard2'
	judged "deny write $PWD/above/protected/**" -- mv above elsewhere
	[ "$status" -ne 0 ]
	[ -e above/protected/file ]
	judged "deny read $PWD/above/protected/**" -- mv above elsewhere
	[ "$status" -ne 0 ]
	judged "deny read $PWD/other/**" -- mv above elsewhere
	same status 0 "$status"
}

@test "what a read rule denies is not opened and not listed, but may be looked at" {
	guarded
	forbidden "deny read $PWD/in/**" 'cat in/file' 'ls in' 'cp in/file out/copy' 'cat out/file'
	judged "deny read $PWD/in/**" -- sh -c 'stat -c %s in/file && test -r in/file && echo x >>in/file'
	same status 0 "$status"
	same violations '' "$(violations)"
}

@test "a rule's errno is what the call gives" {
	guarded
	judged "deny:ENOENT read $PWD/in/**" -- cat in/file
	[[ $stderr == *'No such file or directory'* ]]
	judged "deny:EROFS write $PWD/in/**" -- rm in/file
	[[ $stderr == *'Read-only file system'* ]]
}

@test "static programs, and 32-bit ones, are judged by path" {
	needs_program hello_nolibc32
	mkdir in
	"$PROGRAMS/hello_nolibc32" native >native.out || [ -e native ] || skip 'no 32-bit programs on this machine'
	judged "deny write $PWD/in/**" -- "$PROGRAMS/hello_nolibc32" in/file
	[ ! -e in/file ]
	same violations "deny write $PWD/in/file --rule:1" "$(violations)"
	judged "deny write $PWD/out/**" -- "$PROGRAMS/hello_nolibc32" in/file
	same file "$(cat native)" "$(cat in/file)"
	judged "deny write $PWD/in/**" -- "$PROGRAMS/hello_static" in/static
	same violations '' "$(violations)"
}

@test "a build may write its own tree only" {
	hello_project project
	cd project
	judged 'deny write /**' "allow write $PWD/** /dev/** /tmp/**" -- make -s test
	same "status, with '$stderr'" 0 "$status"
	same violations '' "$(violations)"
	cp ../run.json . 2>/dev/null || true
	judged 'deny write /**' 'allow write /dev/** /tmp/none/**' -- make -s -B
	[ "$status" -ne 0 ]
	report_is '.totals.violations > 0'
}

@test "what is allowed works as it does without rules" {
	local script='mkdir -p a/b; echo one >a/b/c; cat a/b/c; cp -r a d; mv d/b d/e; ln -s e d/l; ls d/l/; chmod 640 d/e/c
		ln d/e/c hard; rm -r a; touch -d @0 hard; stat -c "%a %h %Y %n" hard d/e/c; find . | sort; rm -r d hard
		echo x >"$(printf "odd\nname")"; ls; cat /proc/self/comm; exec 4<.; ls /proc/self/fd/4; cat missing; rmdir .; mkdir a/; ls'
	mkdir native judged
	(cd native && run sh -c "$script" && printf '%s\n' "$output") >native.out
	(cd judged && run "$PTWRAP" -q --rule 'deny read /nonexistent/**' --rule 'deny write /nonexistent/**' \
		--rule 'deny exec /nonexistent/**' sh -c "$script" && printf '%s\n' "$output") >judged.out
	same output "$(cat native.out)" "$(cat judged.out)"
}

@test "a judged tree cannot write to ptwrap's own processes through /proc" {
	needs_root
	judged 'deny write /nonexistent' -- sh -c ': >/proc/$PPID/mem'
	[[ $stderr == *'Operation not permitted'* ]]
	report_is 'any(.coverage.notes[]; .kind == "policy-guard")'
	judged 'deny write /nonexistent' -- sh -c ': >/proc/$(sed -n "s/TracerPid:.//p" /proc/self/status)/comm'
	[[ $stderr == *'Operation not permitted'* ]]
}

@test "a root directory of its own, and mounts, lead past no rule" {
	needs_root
	guarded
	mkdir -p in/bin
	judged "deny write $PWD/in/**" -- "$PROGRAMS/policy" chroot in file
	same output EPERM "$output"
	same violations "deny write $PWD/in/file --rule:1" "$(violations)"
	judged "deny write $PWD/in/**" -- unshare -m sh -c 'mount --bind in out && echo x >out/file'
	[ "$status" -ne 0 ]
	same file kept "$(cat in/file)"
	judged "deny write $PWD/in/**" -- unshare -m sh -c 'umount -l /proc || echo kept'
	same output kept "$output"
}

@test "names that files have from before the run, and no rule knows, are listed" {
	mkdir -p seen/in other
	echo x >seen/file
	ln seen/file other/linked
	judged "deny write $PWD/seen/**" -- sh -c 'echo y >other/linked; echo z >>other/linked'
	text="$PWD/other/linked was written to, and rules were asked about this name alone" \
		report_is '[.coverage.notes[] | select(.kind == "policy-second-name") | .text] == [env.text]'
	needs_root
	unshare -m sh -c 'mount --bind seen/in other && "$@"' - "$PTWRAP" -q -o run.json --rule "deny write $PWD/seen/**" true
	text="$PWD/seen/in is also $PWD/other, and --rule:1 does not hold there" \
		report_is '[.coverage.notes[] | select(.kind == "policy-second-name") | .text] == [env.text]'
}

@test "attributes that need no open for writing are not changed either" {
	needs chattr
	: >file
	lsattr file >before || skip 'no attributes in this file system'
	judged "deny write $PWD/other" -- chattr +A file
	[ "$status" -ne 0 ]
	same attributes "$(cat before)" "$(lsattr file)"
	report_is 'any(.coverage.notes[]; .kind == "policy-guard" and (.text | startswith("ioctl was refused")))'
	judged "deny read $PWD/other" -- chattr +A file
	same status 0 "$status"
}

@test "what another process has mounted for itself leads past no rule" {
	needs_root
	guarded
	cp /bin/true in/program
	mkfifo ready
	unshare -m sh -c 'mount --bind in out && echo >ready && exec sleep 60' 3>&- &
	read -r _ <ready
	local way=/proc/$!/root$PWD/out
	run -0 sh -c 'cat "$0"/file && "$0"/program' "$way"
	for how in 'echo x >$0/file' 'cd $0 && echo x >file' 'chmod 600 $0/file' 'nsenter -m -t $1 sh -c "echo x >$2/out/file"'; do
		run ! "$PTWRAP" -q --rule "deny write $PWD/in/**" sh -c "$how" "$way" $! "$PWD"
	done
	same file kept "$(cat in/file)"
	run ! "$PTWRAP" -q --rule "deny read $PWD/in/**" cat "$way"/file
	run ! "$PTWRAP" -q --rule "deny exec $PWD/in/**" sh -c 'cd "$0" && ./program' "$way"
	kill $!
}

@test "what COMMAND was given open is opened again, though it is of another mount namespace" {
	needs_root
	unshare -m "$PTWRAP" -q --rule 'deny write /nonexistent' sh -c 'echo x >/dev/stdout; echo y >>/proc/self/fd/4' >given 4>too
	same 'what was given' x,y "$(cat given),$(cat too)"
}

@test "a judged tree neither writes to the memory of others nor takes their descriptors" {
	needs python3
	cat >reach.py <<-'EOF'
		import ctypes, errno, os, sys
		pid, libc = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True)
		byte = ctypes.create_string_buffer(b"x")
		own = (ctypes.c_size_t * 2)(ctypes.addressof(byte), 1)
		done, error = -1, errno.EFAULT
		while done < 0 and error == errno.EFAULT: # it may just be executing its program
		  places = [int(line.split("-")[0], 16) for line in open(f"/proc/{pid}/maps") if " rw-p" in line]
		  done = libc.process_vm_writev(pid, own, 1, (ctypes.c_size_t * 2)((places + [0])[0], 1), 1, 0)
		  error = ctypes.get_errno()
		print(done == 1)
		print(libc.syscall(438, os.pidfd_open(pid), 2, 0) >= 0)
		try: print(os.open(f"/proc/{pid}/mem", os.O_RDWR) >= 0)
		except PermissionError: print(False)
	EOF
	sleep 60 3>&- &
	run -0 python3 reach.py $!
	same 'without rules' $'True\nTrue\nTrue' "$output"
	run -0 "$PTWRAP" -q --rule 'deny write /nonexistent' python3 reach.py $!
	same 'with them' $'False\nFalse\nFalse' "$output"
	run -0 "$PTWRAP" -q --rule 'deny write /nonexistent' sh -c 'sleep 60 >/dev/null & python3 reach.py $!; kill $!'
	same 'among themselves' $'True\nTrue\nTrue' "$output"
	kill $!
}

@test "thousands of path calls in odd situations give under rules what they give natively" {
	local program who
	for program in pathcalls pathcalls_static pathcalls_nolibc32; do
		needs_program "$program"
		for who in native judged; do
			rm -rf world
			mkdir world
			if [ "$who" = native ]; then
				(cd world && "$PROGRAMS/$program") </dev/null >"$program.$who"
			else
				(cd world && "$PTWRAP" -q --rule 'deny read /nonexistent/**' --rule 'deny write /nonexistent/**' \
					"$PROGRAMS/$program") </dev/null >"$program.$who"
			fi
			chmod -R u+rwx world
		done
		[ "$(wc -l <"$program.native")" -gt 7000 ]
		same "$program" '' "$(diff "$program.native" "$program.judged" | head -n 20)"
	done
}

@test "a root directory that other threads have too is not exchanged under rules on paths" {
	needs_root
	mkdir -p secret open/root/secret
	echo kept | tee secret/file open/root/secret/file >open/file
	run "$PTWRAP" -q --rule "deny write $PWD/secret/**" "$PROGRAMS/attack" chroot 0.05
	[[ $output == *', 0 successes' ]]
	judged "deny write $PWD/none/**" -- chroot / true
	same status 0 "$status"
	judged "deny write $PWD/none/**" -- "$PROGRAMS/attack" chroot 0.05
	report_is 'any(.coverage.notes[]; .kind == "policy-guard" and (.text | contains("chroot was refused")))'
}

@test "each attacker of a moment fails against rules" {
	ATTACK_SECONDS=0.1 run timeout 200 "$TOP/tests/attacks.sh" '^(path|created|openat2|dup2-dirfd|spelling|address|pinned|pinned-fork|sealed|filtered)$'
	same "status, with '$output'" 0 "$status"
}

@test "a program that begins under rules has the memory that they need, sealed, without being stopped for it" {
	[[ ${VIEW:-} != kernel ]] || skip 'the shim is not in use here'
	judged 'deny write /nonexistent/**' -- sh -c ': >made; exec awk "/ptwrap-pinned/ { print \$1, \$2 } /ptwrap-pinned/, /VmFlags/ { if (/VmFlags/ && / sl/) print \"sealed\" }" /proc/self/smaps'
	same 'memory' $'6a000000-6a820000 r--s\nsealed' "$output"
}
