# Names of files in another root directory or mount namespace: each is an entry of its own, with its root.
# shellcheck disable=SC2016

load helper

# in_root ROOT PATH OP: the report says OP of PATH as seen from that root.
in_root() {
	report_is 'any(.files[]; .root == $root and .path == $path and any(.ops[]; . == $op))' --arg root "$1" --arg path "$2" --arg op "$3"
}

@test "after chroot, without an exec, names are seen from the new root" {
	needs_root
	needs python3
	mkdir -p root/in
	ln -s /in root/link
	audit python3 -c 'import os; os.chroot("root"); os.chdir("/"); open("link/../made", "w"); os.path.exists("none"); os.fork()'
	[ "$status" -eq 0 ]
	in_root "$PWD/root" /made create
	in_root "$PWD/root" /none missing
	report_is 'all(.files[]; .path != $path)' --arg path "$PWD/root/none"
}

@test "a mount namespace of one's own: its files are not those of the same name outside" {
	needs_root
	needs unshare mount
	mkdir here
	audit unshare -m sh -c 'mount -t tmpfs none here && echo x >here/inside; unshare -m cat here/inside'
	[ "$status" -eq 0 ]
	report_is '[.files[] | select(.path == $path) | .root] | length == 2 and all(.[]; startswith("mnt:["))' --arg path "$PWD/here/inside"
	[ ! -e here/inside ]
}
