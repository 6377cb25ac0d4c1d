#!/usr/bin/env bats
# Programs whose calls lead through the shim behave as they would alone, whatever interrupts, interposes or surprises; and what
# they call is in the report, as often as they called it, with the ids of who did.
# shellcheck disable=SC2016 # jq and inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper
load counting

# as_bare COMMAND...: prints and ends the same alone, without the shim, and at levels audit and all. What it leaves behind, and
# run.json, are those of the last.
as_bare() {
	local options bare_status bare_output bare_stderr
	run --separate-stderr "$@"
	bare_status=$status bare_output=$output bare_stderr=$stderr
	for options in '--level=all --no-shim' --level=audit --level=all; do
		find . -mindepth 1 -delete
		# shellcheck disable=SC2086
		audit $options "$@"
		same "status with $options" "$bare_status" "$status"
		same "output with $options" "$bare_output" "$output"
		same "stderr with $options" "$bare_stderr" "$stderr"
	done
}

# fast PROGRAM [ARG]...: as_bare of a program that ends well and prints nothing amiss, all in the shim's view: but for a child
# that has its parent's slot in the ring (include/ptwrap/ring.h, ring_flight_slot) while the parent waits for it.
fast() {
	as_bare "$PROGRAMS/$1" "${@:2}"
	same status 0 "$status"
	[[ $output != *wrong* ]]
	report_is 'all(.processes[]; .view == "shim" or (.pid - .ppid) % 64 == 0) and .coverage.complete'
}

# owned COMMAND...: each name "/of-PID-TID-..." in ./named is in the recording as looked for, by that process and thread.
owned() {
	run --separate-stderr "$PTWRAP" -q --level=all -o run.ndjson "$@"
	same status 0 "$status"
	jq -r 'select(.event == "syscall" and .name == "access" and (.args.pathname | startswith("/of-"))) |
		"\(.args.pathname) by /of-\(.pid)-\(.tid)-"' run.ndjson | sort >looked
	same 'looks by others' '' "$(awk 'index($1, $3) != 1' looked)"
	same looks "$(sort named)" "$(cut -d' ' -f1 looked)"
}

# ---- signals ----

@test "signals that arrive anywhere in a call lose nothing: calls are made and counted exactly" {
	fast fast_signals storm 3000
	counted
}

@test "signals that are blocked stay away from calls" {
	fast fast_signals masked 2000
}

@test "interrupted calls are restarted, or fail with EINTR, as the kernel has it" {
	fast fast_restarts
}

@test "ignored signals interrupt no recorded call, and its time limit holds" {
	local what
	for what in awaited timed handled; do
		as_bare timeout 30 "$PROGRAMS/interrupted" "$what"
		same status 0 "$status"
	done
}

@test "interrupted and restarted calls are counted as strace counts them" {
	local calls='^(readv|poll|pselect6|clock_nanosleep) '
	audit --level all "$PROGRAMS/fast_restarts"
	same counts "$(strace_counts "$PROGRAMS/fast_restarts" | grep -E "$calls")" "$(counts | grep -E "$calls")"
}

@test "handlers leave calls by siglongjmp, blocked or not, tens of thousands of times" {
	fast fast_signals jumps 3000
	audit --level all "$PROGRAMS/fast_signals" jumps "$([ "${MODE:-}" == asan ] && echo 3000 || echo 30000)"
	same stdout 'jumps ok' "$output"
}

# ---- stacks and registers ----

@test "small stacks are large enough: alternate ones, threads', coroutines'" {
	local where
	for where in alternate threads coroutines; do
		fast fast_stacks "$where"
	done
}

@test "a call takes less than 2 KiB of stack" {
	audit --level all "$PROGRAMS/fast_stacks" depth
	same stdout 'less than 2 KiB ok' "$output"
}

@test "registers, vectors, their control words, the red zone and errno stay as they were" {
	fast fast_registers
	[[ $output != *changed* ]]
	same 'registers that changed' '' "$(grep -E '^[a-z0-9-]+: ' <<<"$output")"
	local rule bare=$output
	for rule in 'deny write /nonexistent/**' 'deny read /nonexistent/**' 'deny net 192.0.2.1' 'deny exec /nonexistent'; do
		audit --rule "$rule" "$PROGRAMS/fast_registers"
		same "output with $rule" "$bare" "$output"
	done
}

# ---- births ----

@test "children of every birth go on as they would" {
	fast fast_births all
}

@test "each call is told of the process and thread that made it, whatever its birth" {
	owned "$PROGRAMS/fast_births" all
}

@test "an exec by a thread, and a leader that ends first, are as ever" {
	local how
	for how in exec-living exec-leaderless 'exec-race 8' leaderless; do
		# shellcheck disable=SC2086
		as_bare "$PROGRAMS/threads" $how
	done
}

# ---- leaving a call otherwise ----

@test "a cancelled thread runs destructors and clean-up handlers on its way out of a waiting call" {
	needs_program fast_cancel
	fast fast_cancel
}

@test "a thread that is cancelled asynchronously, anywhere in a call, runs its clean-up handlers" {
	fast fast_frames async
}

@test "an exception thrown by a handler leaves a waiting call" {
	needs_program fast_throw
	fast fast_throw 200
}

@test "backtrace() in a handler finds who waits in read, and its callers" {
	fast fast_frames read
	[[ $output != *missing* && $output != *not* ]]
}

@test "backtrace() finds the caller at each instruction of a call" {
	fast fast_frames steps
	[[ $output == *many* && $output != *few* && $output != *'lost '[1-9]* ]]
}

@test "gdb finds the callers in a core, with the shim's file" {
	needs gdb
	[ "$(cat /proc/sys/kernel/core_pattern)" == core ] || skip 'core files go elsewhere on this machine'
	run "$PTWRAP" -q --level=all -o run.json "$PROGRAMS/fast_frames" core
	same status 131 "$status"
	run gdb -batch -ex "add-symbol-file ${PTWRAP%/*}/shim.so -o 0x6b000000" -ex bt "$PROGRAMS/fast_frames" core*
	[[ $output == *read*' in caller '*' in callers_caller '*main* ]]
}

# ---- pointers ----

@test "a bad pointer, in any place of any call, fails as the kernel has it, and SIGSEGV is what it was" {
	local what
	for what in default handled blocked ignored; do
		fast fast_pointers "$what"
	done
}

@test "a call through address 0 is a SIGSEGV at address 0" {
	as_bare "$PROGRAMS/fast_texts" null
	same stdout 'signal 11 at (nil)' "$output"
	same status 139 "$status"
}

# ---- code ----

@test "libraries that are loaded, unloaded, loaded again, and a second libc make their calls" {
	fast fast_loads "$PROGRAMS/libcalls.so"
	counted
}

@test "programs read all code, and find their own and their mappings as they are" {
	fast fast_texts sums
	fast fast_texts own-maps
	[[ $output == 'own text 1, libc 1, in order 1' ]]
}

@test "libc's text may be copied, mapped anew, patched and taken away" {
	local what
	for what in copied patched closed; do
		fast fast_texts "$what"
	done
}

@test "calls from generated code are counted" {
	fast fast_texts generated
	counted
}

@test "bytes that look like a call stay what they are" {
	fast fast_texts bytes
	[[ $output == *b86e0f05b86e0f05* ]]
}

# ---- where it cannot be ----

@test "where an address of the fast path is taken the kernel view serves, and it is noted" {
	local address
	for address in 6b000 6afc0 6afbb; do
		as_bare "$PROGRAMS/taken_$address"
		same status 0 "$status"
		report_is '.coverage.complete and any(.coverage.notes[]; .kind == "shim-refused")'
	done
}

@test "a limit on the address space that the command can live with is no harm" {
	local kilobytes
	for kilobytes in 2500 3000 3500 4000 6000 10000; do
		as_bare bash -c 'ulimit -v "$1"; "$0" bytes; echo $?' "$PROGRAMS/fast_texts" "$kilobytes"
	done
}

@test "a limit on descriptors, even of none, is no harm" {
	local descriptors
	for descriptors in 0 3 4 5; do
		as_bare bash -c 'ulimit -n "$1"; "$0" bytes; echo $?' "$PROGRAMS/fast_texts" "$descriptors"
	done
	fast fast_worlds limits
}

@test "a limit on the stack is no harm" {
	local kilobytes
	for kilobytes in 32 64 100 256; do
		as_bare bash -c 'ulimit -s "$1"; "$0" bytes; echo $?' "$PROGRAMS/fast_texts" "$kilobytes"
	done
	as_bare bash -c 'ulimit -s 64; exec "$0" all' "$PROGRAMS/fast_births"
}

@test "a limit on the size of files is COMMAND's, not a reason to end it" {
	run bash -c 'ulimit -f 500; "$PTWRAP" -q -o run.json sh -c "wc -c </etc/passwd; exit 7"'
	same status 7 "$status"
}

@test "where the shim's file system is full the kernel view serves, and nobody dies of it" {
	needs_root
	local size
	for size in 1m 2m 3m 4m; do
		run unshare -m sh -c 'mount -t tmpfs -o size=$1 tmpfs /dev/shm &&
			exec "$PTWRAP" -q --level=all -o run.json sh -c "ls /etc | grep -c passwd; exit 3"' sh "$size"
		same "status with $size" 3 "$status"
		report_is '.coverage.complete and (any(.coverage.notes[]; .kind == "shim-suspect") | not)'
	done
}

@test "a file system of the shim's that fills up ends no program, and what is missing is counted" {
	needs_root
	local level
	[ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -gt 1000000 ] || skip 'needs a file system of 290 MiB in memory'
	for level in audit all; do
		run unshare -m sh -c 'mount -t tmpfs -o size=290m tmpfs /dev/shm && exec "$PTWRAP" -q --level="$1" -o run.json sh -c "
			head -c 300M /dev/zero >/dev/shm/filler 2>/dev/null
			for i in $(seq -s\  25); do ls /etc | grep -c passwd || echo died; done; exit 3"' sh "$level"
		same status 3 "$status"
		same 'what was counted' 2 "$(sort -u <<<"$output")"
		report_is 'all(.processes[]; .exit.signal | . == null or . == "SIGPIPE")'
		report_is '.coverage.complete or .coverage.lost_records > 0 or any(.coverage.notes[]; .kind == "shim-suspect")'
	done
}

@test "a path through /proc/self leads to the process that took it" {
	ln -s /proc/self/status own
	audit sh -c 'read -r _ <own'
	report_is '.processes[0].pid as $pid | any(.files[]; .path | endswith("/own")) and
		all(.files[] | select(.path | endswith("/own")); .target == "/proc/\($pid)/status")'
}

@test "what dies in a call is told with its path, or the report says that it is not" {
	head -c 1000 /bin/true >half
	chmod +x half
	audit --level=all -o run.ndjson sh -c './half; :'
	jq -se 'any(.[]; .name? == "execve" and .args.pathname == "./half")' run.ndjson
	mkfifo fifo
	audit --level=all sh -c 'cat fifo & while ! grep -qs "^[0-9]* (cat).* S " /proc/$!/stat; do :; done; kill -9 $!; wait'
	report_is '.coverage.complete | not'
}

@test "each of more threads than there are slots is told of, in the call that it died in" {
	audit --level=all -o run.ndjson "$PROGRAMS/fast_crowd"
	same calls "$output" "$(jq -s 'map(select(.name? == "pause")) | length' run.ndjson)"
	report_is '.coverage.complete'
}

@test "a call that is made again is told from its interruption on" {
	audit --level=all -o run.ndjson "$PROGRAMS/fast_restarts"
	jq -se '[.[] | select(.event == "syscall" and (.name | IN("readv", "poll", "pselect6")))] |
		group_by([.tid, .name]) | map(sort_by(.t_ns)) |
		(map(length) | add) > 10 and all(.[]; . as $calls | all(range(1; length);
			$calls[.].t_ns >= $calls[. - 1].t_ns + $calls[. - 1].dur_ns))' run.ndjson
}

@test "threads that share descriptors get no name of another's" {
	needs_program fast_descriptors
	audit "$PROGRAMS/fast_descriptors"
	same status 0 "$status"
	report_is '.coverage.complete and (any(.files[]; .path == "/etc/bin" or .path == "/usr/passwd") | not) and
		([.files[] | select(.path == "/etc/passwd" or .path == "/usr/bin")] | length == 2)'
}

@test "where nothing that was writable may become executable programs run as ever" {
	as_bare "$PROGRAMS/fast_worlds" no-write
	[ "$status" -ne 77 ] || skip 'this kernel has no PR_SET_MDWE'
	same status 0 "$status"
}

@test "a program that may not read the time stamp counter runs as ever" {
	as_bare "$PROGRAMS/fast_worlds" no-clock
	same status 0 "$status"
	owned "$PROGRAMS/fast_worlds" no-clock
}

# ---- filters of its own ----

@test "a program's own filters and dispatch see calls where libc makes them" {
	local what
	for what in trap errno notified dispatch; do
		as_bare "$PROGRAMS/fast_filters" "$what"
		same status 0 "$status"
	done
}

# ---- other worlds ----

@test "other ids, namespaces and roots: calls go on, by who made them" {
	needs_root
	local what
	for what in ids pid-ns user-ns mount-ns chroot; do
		fast fast_worlds "$what"
		find . -mindepth 1 -delete
		owned "$PROGRAMS/fast_worlds" "$what"
	done
}

@test "an empty environment takes nothing away" {
	as_bare env -i "$PROGRAMS/fast_texts" bytes
	report_is 'all(.processes[]; .view == "shim")'
}

@test "restartable sequences and membarrier work" {
	as_bare "$PROGRAMS/fast_rseq"
	[ "$status" -ne 77 ] || skip 'this libc registers no restartable sequences'
	[[ $status -eq 0 && $output == *'counted 40000 of 40000'* ]]
}

# ---- other libcs ----

@test "a program of musl is served, and counted as strace counts it" {
	needs_program counts_musl
	fast counts_musl
	# Whether its thread has ended before it is waited for is chance.
	same counts "$(strace_counts "$PROGRAMS/counts_musl" | grep -v futex)" "$(counts | grep -v futex)"
}

# of_suite SUITE: programs that its loader loads, named as interpreter or run by hand, do as without ptwrap.
of_suite() {
	local lib program
	lib=$("$TOP/tests/tools/fetch-glibc.sh" "$1" 2>&1) || skip "$lib"
	for program in counts fast_signals fast_registers fast_births fast_stacks fast_frames; do
		"${CC:-gcc}" -O1 -std=gnu11 -D_GNU_SOURCE -I"$TOP/include" -pthread -o "$BATS_TEST_TMPDIR.$program" "$TOP/tests/programs/$program.c" \
			-Wl,--dynamic-linker="$lib/ld-linux-x86-64.so.2" -Wl,-rpath="$lib"
	done
	PROGRAMS=${BATS_TEST_TMPDIR%/*} of=${BATS_TEST_TMPDIR##*/}
	fast "$of.fast_signals" storm 1000
	fast "$of.fast_registers"
	fast "$of.fast_births" all
	fast "$of.fast_stacks" coroutines
	fast "$of.fast_frames" async
	as_bare "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$BATS_TEST_TMPDIR.fast_registers"
	counts_as_strace "$BATS_TEST_TMPDIR.counts"
}

@test "programs of another release's glibc are served: trixie" {
	of_suite trixie
}

@test "programs of another release's glibc are served: sid" {
	of_suite sid
}
