#!/bin/bash
# Runs each attacker (tests/programs/attack.c) without rules, where it should succeed, and with rules that forbid what it
# is after, where it must not, each for ATTACK_SECONDS (10), and prints the table: successes/rounds. The argument, if any, is an extended regular
# expression: only attacks whose names match run. Fails if an attack succeeds against rules; or without them fails,
# for then it shows nothing.
set -u
cd "$(dirname "$0")/.." || exit 1

build=$PWD/build/${MODE:-release}
ptwrap=$build/ptwrap attack=$build/programs/attack seconds=${ATTACK_SECONDS:-10} pattern=${1:-}
scene=$(mktemp -d "${TMPDIR:-/tmp}/ptwrap-attacks-XXXXXX") || exit 1
passed=0 failed=0

# Mounts of the scene are nobody else's.
if [ "$(id -u)" = 0 ] && [ -z "${ATTACKS_UNSHARED:-}" ]; then
	rmdir "$scene"
	ATTACKS_UNSHARED=1 exec unshare -m "$0" "$@"
fi
trap 'umount "$scene"/proc 2>/dev/null; rm -rf --one-file-system "$scene"' EXIT

set_scene() {
	umount "$scene/proc" 2>/dev/null
	rm -rf --one-file-system "$scene"
	mkdir -p "$scene"/{secret,proc,open/folder,open/root/secret}
	cd "$scene" || exit 1
	{ cat "$attack" && echo; } >secret/program
	chmod 755 secret/program
	echo secret | tee secret/file secret/doomed open/root/secret/file >/dev/null
	echo open | tee open/file open/folder/file >/dev/null
	ln -s ../secret open/to_secret
	ln -s file open/link
	echo 10001 >allowed
	echo 10002 >denied
	[ "$(id -u)" != 0 ] || mount --bind /proc proc
}

# successes COMMAND...: of how many rounds, as "successes/rounds".
successes() {
	local output
	set_scene
	output=$(timeout -k 5 $((${seconds%.*} * 4 + 20)) "$@" 2>/dev/null)
	[[ $output =~ :\ ([0-9]+)\ rounds,\ ([0-9]+)\ successes ]] && echo "${BASH_REMATCH[2]}/${BASH_REMATCH[1]}"
}

# Some attacks are at the defence itself, or at what only it has: without it there is nothing to succeed at.
# try NAME WHAT [NOTE]
try() {
	local name=$1 what=$2 note=${3:-} bare with verdict=ok
	[[ $name =~ $pattern ]] || return 0
	bare=$(successes "$ptwrap" -q "$attack" "$name" "$seconds")
	[[ -n $note || $bare != 0/* ]] || bare=$(successes "$ptwrap" -q "$attack" "$name" 10) # it takes luck
	with=$(successes "$ptwrap" -q --rule "deny write $scene/secret/** $scene/open/root/secret/**" \
		--rule "deny exec $scene/secret/program sha256:$digest" --rule 'deny net 127.0.0.1:10002' "$attack" "$name" "$seconds")
	[[ $with == 0/* ]] || verdict='not ok'
	[[ -n $note || ( -n $bare && $bare != 0/* ) ]] || verdict='not ok'
	if [ "$verdict" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	printf '%-7s | %-18s | %-66s | %15s | %15s\n' "$verdict" "$name" "$what" "${note:-${bare:-none}}" "${with:-none}"
}

set_scene
digest=$(sha256sum <secret/program | cut -d ' ' -f 1)
[ -x "$attack" ] && [ -x "$ptwrap" ] || exit 1
printf '%-7s | %-18s | %-66s | %15s | %15s\n' '' attack 'what it does' 'without' 'with rules'
try path 'a thread flips the path of an open'
try created 'the same, of one that may create the file'
try chmod 'the same, of a chmod'
try link 'the same, of the old name of a link'
try rename 'the same, of the new name of a rename'
try bind 'the same, of the name that a unix socket is bound to'
try vfork 'the same, in a vfork child'
try openat2 'a thread flips the flags in a struct open_how'
try restart 'a signal interrupts an open; path and file are others when it restarts'
try symlink 'a symbolic link is exchanged meanwhile'
try symlink-created 'the same, of a file that may be created'
try ancestor 'a directory on the way is exchanged for a link'
try ancestor-created 'the same, when a file is created'
try ancestor-removed 'the same, when a file is removed'
try spelling '.., /proc/self/root, /proc/self/fd/N, /dev/fd, a directory descriptor'
try hard-link 'the file is linked to where all is allowed'
try passed-descriptor 'a directory descriptor comes over a socket'
try dup2 'a descriptor is exchanged while fchmod is judged'
try dup2-dirfd 'the directory descriptor of an openat is exchanged'
try dup2-link 'what /proc/self/fd/N leads to is exchanged'
try address 'a thread flips the port of a connect'
try i386 'int 0x80 in a 64-bit program'
natively=$(successes "$attack" x32 0.1)
try x32 'a call by its x32 number' "$([[ $natively != 0/* ]] || echo 'no x32 here')"
try pinned 'the memory that the kernel reads is unmapped, moved, written to' 'nothing there'
try pinned-fork 'it is kept from a child, which maps its own there' 'nothing there'
try sealed 'a child moves a second mapping of it, unsealed, to its place'
try filtered "a filter of the program's own answers mseal with 0"
try exempt "each call instruction in the shim's text, one of which the filter exempts"
try processes "memory, tracing and signals of ptwrap's own processes" 'nothing there'
try shim "the shim's text is overwritten, or unmapped"
try preload 'a library comes before the shim, or keeps it away'
try other-process 'another process writes to its memory, or traces it'
try starting 'a program is stopped as it begins, and its ring led to the file'
try stolen 'the same, and its descriptors are taken by pidfd_getfd'
try untraced 'clone and clone3 with CLONE_UNTRACED and other flags'
try reopened 'what is open for reading only is opened again, truncated, mapped, changed'
try exec 'a thread flips the path of an execve'
try exec-memfd 'a copy in memory, or a descriptor, is executed'
try exec-script "a script's first line names the program"
try exec-loader 'the loader is told to run the program'
try mapping 'a descriptor is exchanged while code is mapped from it'
try hidden 'the same, by a child whose clone3 a thread flips the flags of'
try alone 'the same, by a child of a clone3 with CLONE_UNTRACED'
try listener "a seccomp filter's listener gives it another descriptor for it"
try mapped 'what is mapped is exchanged while it is made executable'
try mapped-vfork 'the same, in a vfork child, by another thread of its maker'
natively=$(successes "$attack" keys 0.1)
try keys 'keys are put into the terminal for who reads it next' "$([[ $natively != 0/* ]] || echo 'no TIOCSTI here')"
try uring 'io_uring' 'closed always'
if [ "$(id -u)" = 0 ]; then
	try handle 'a file handle'
	try bind-mount 'a bind mount'
	try mount-proc 'another /proc in place of the real one' 'nothing there'
	try umount 'what lies beneath /proc comes to light' 'nothing there'
	try chroot 'a thread changes the root directory to one with a false /proc'
	try thread-root 'a thread alone has such a root directory' 'nothing there'
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
