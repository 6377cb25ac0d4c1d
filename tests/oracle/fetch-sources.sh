#!/bin/bash
# Sources of real programs for `make check-builds` and `make bench`, as their distribution has them: build/sources/NAME
# for each NAME asked for. The machine's own package lists are left alone.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/apt.sh

# download NAME: the newest version, or an older one: an archive's list may name what the archive has no more.
download() {
	local version
	apt_own deb-src source --download-only "$1" && return
	for version in $(APT_CONFIG="$apt_home/deb-src/apt.conf" apt-cache showsrc "$1" | sed -n 's/^Version: //p' | sort -ruV); do
		rm -f ./*
		apt_own deb-src source --download-only "$1=$version" && return
	done
	return 1
}

# As upstream released it: the distribution's patches want tools that a fresh machine lacks.
fetch() {
	local name=$1 into=build/sources/$1 archive
	[ ! -d "$into" ] || return 0
	rm -rf "$into.part"
	mkdir -p "$into.part/download" "$into.part/tree"
	(cd "$into.part/download" && download "$name") || return 1
	archive=$(find "$into.part/download" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)
	[ -n "$archive" ] || { echo "fetch-sources.sh: $name: no upstream archive" >&2; return 1; }
	tar -x -C "$into.part/tree" --strip-components=1 -f "$archive" && mv "$into.part/tree" "$into" && rm -rf "$into.part"
}

failed=0
for name; do
	fetch "$name" || { echo "fetch-sources.sh: $name: cannot be downloaded here" >&2; failed=1; }
done
exit $failed
