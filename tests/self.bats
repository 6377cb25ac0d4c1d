#!/usr/bin/env bats
# Whatever a process can see of itself is what it would see unwrapped, but for the list in README.
# shellcheck disable=SC2016 # inner shells expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# as_native COMMAND...: in which SELF is the program that prints what it sees. The same with and without ptwrap.
as_native() {
	local option
	# In one environment, and to a file of one name.
	env -u _ "${@//SELF/$PROGRAMS/self}" >seen 2>&1
	numberless seen >native
	[ "$(wc -l <native)" -gt 200 ] || same 'facts' 'more than 200' "$(<native)"
	for option in --level=audit --level=all --level=exec --no-shim; do
		env -u _ "$PTWRAP" -q "$option" "${@//SELF/$PROGRAMS/self}" >seen 2>&1
		numberless seen >wrapped
		diff native wrapped || return 1
	done
}

# Pipes, namespaces and mounts of one's own have new numbers each time.
numberless() {
	sed -E "$without" "$1"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	without='s/:\[[0-9]+\]/:/'
	mounts='s/(mountinfo: )[0-9]+ [0-9]+/\1/'
}

@test "a program sees of itself what it would" {
	as_native SELF
	as_native SELF 5<. 9>&1 8</dev/null
}

@test "so does one that a shell starts, directly, in a pipe, in the background, or in its own place" {
	as_native sh -c 'SELF; SELF | cat; SELF & wait; exec SELF'
}

@test "so does one without an environment, or with one to LD_PRELOAD" {
	as_native env -i SELF
	as_native env LD_PRELOAD=/nonexistent.so SELF
	as_native env -i A=1 PATH=/ LD_PRELOAD= SELF
}

@test "so does one with other limits, masks, priorities and names" {
	as_native env --ignore-signal=USR1 --block-signal=ALRM,HUP --default-signal=PIPE nice -n 5 bash -c 'umask 027; ulimit -S -n 77; ulimit -c 0; exec -a other SELF arguments "of any
kind"'
	as_native taskset 1 setpriv --pdeathsig TERM SELF
	as_native chrt -b 0 ionice -c 3 SELF
	as_native setarch -R SELF
}

@test "the table of descriptors is as large, where the caller's was larger than it needs" {
	# A shell's own descriptor of its script is 255, closed at exec: what it starts has room for 256 and uses three.
	cat >script <<-'EOF'
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -lt 3 ] || [ "$fd" -eq 255 ] || eval "exec $fd>&-"
	done
	"$@" grep FDSize /proc/self/status
	EOF
	local option
	bash script env -u _ >native
	same 'table without' 'FDSize: 256' "$(tr '\t' ' ' <native)"
	for option in --level=audit --level=all --level=exec --no-shim; do
		bash script "$PTWRAP" -q "$option" >wrapped
		same "table, $option" "$(<native)" "$(<wrapped)"
	done
}

@test "so does one in a session of its own" {
	as_native setsid SELF
	as_native nohup SELF
}

@test "so does one on a terminal" {
	needs script
	as_native script -qec SELF /dev/null
}

@test "so does one of another user" {
	needs_root
	chmod 755 . "$BATS_TEST_TMPDIR"
	as_native setpriv --reuid=65534 --regid=65534 --clear-groups SELF
	as_native setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all SELF
	as_native setpriv --inh-caps=+net_raw --ambient-caps=+net_raw SELF
}

@test "so does one in namespaces of its own" {
	unshare -Urpf --mount-proc true || skip 'needs namespaces'
	without+='; /ns\/(user|pid|mnt|pid_for_children) ->/d'"; $mounts"
	as_native unshare -Ur SELF
	as_native unshare -Urmpf --mount-proc SELF
	as_native unshare -Urmpf --mount-proc sh -c 'SELF; true'
}

@test "so does one under another root" {
	needs_root
	mkdir -p root
	local folder
	without+='; /ns\/mnt ->/d'"; $mounts"
	for folder in usr lib lib64 bin proc dev "$PROGRAMS"; do mkdir -p "root/$folder"; done
	as_native unshare -m sh -c 'for folder in usr lib lib64 bin proc dev "$0"; do mount --rbind "/$folder" "root/$folder" 2>/dev/null; done; exec chroot root SELF' "$PROGRAMS"
}
