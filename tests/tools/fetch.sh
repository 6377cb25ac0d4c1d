#!/bin/bash
# Sees to it that the tools which the tests call can be found: what this machine lacks is downloaded and unpacked,
# without root, into build/tools. Never installs anything.
#   fetch.sh          what `make check` needs
#   fetch.sh lint     what `make lint` needs and can be had so
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/apt.sh
. tests/tools/env.sh

# command=package
check_tools=(bats=bats strace=strace jq=jq python3=python3)
lint_tools=(shellcheck=shellcheck cppcheck=cppcheck)
into=$PWD/build/tools

present() {
	case $1 in
	musl) [ -e /usr/lib/x86_64-linux-musl/libc.so ] || [ -e "$into/usr/lib/x86_64-linux-musl/libc.so" ] ;;
	cppcheck) cppcheck -q --library=posix,gnu tests/tools/empty_fuzzer.c 2>/dev/null ;;
	python3) python3 -c 'import json' 2>/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# The packages named and what they need, less the libraries that are installed here.
closure() {
	printf '%s\n' "$@"
	comm -23 <(apt_own deb -s -o Dir::State::status=/dev/null install --no-install-recommends "$@" |
		awk '$1 == "Inst" { print $2 }' | sort) \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | awk '$1 == "installed" && !/python3/ { print $2 }' | sort)
}

download() {
	local packages
	mapfile -t packages < <(closure "$@" | sort -u)
	mkdir -p build/apt/packages "$into/bin"
	(cd build/apt/packages && rm -f ./*.deb && apt_own deb download "${packages[@]}") || return 1
	local package
	for package in build/apt/packages/*.deb; do
		dpkg-deb -x "$package" "$into" || return 1
	done
}

# A program unpacked here finds its libraries through the loader, not through the environment, which its children
# (the tests) would inherit.
# shellcheck disable=SC2016
wrap() {
	local target=$into/usr/bin/$1
	if [ "$(head -c 4 "$target" | tail -c 3)" != ELF ]; then
		printf '#!/bin/sh\nexec "${0%%/bin/*}/usr/bin/%s" "$@"\n' "$1"
	else
		printf '#!/bin/sh\nt=${0%%/bin/*}\n'
		[ "$1" != python3 ] || printf 'export PYTHONHOME="$t/usr" PYTHONDONTWRITEBYTECODE=1\n'
		printf 'exec /lib64/ld-linux-x86-64.so.2 --library-path "$t/usr/lib/x86_64-linux-gnu:$t/lib/x86_64-linux-gnu" '
		printf '"$t/usr/bin/%s" "$@"\n' "$1"
	fi >"$into/bin/$1"
	chmod 755 "$into/bin/$1"
}

fetch() {
	local entry missing=() packages=()
	for entry; do
		present "${entry%%=*}" && continue
		missing+=("${entry%%=*}")
		packages+=("${entry#*=}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "fetching ${packages[*]}"
	download "${packages[@]}" || return 1
	local name
	for name in "${missing[@]}"; do
		wrap "$name"
		hash -r
		present "$name" || { rm -f "$into/bin/$name"; echo "fetch.sh: $name: unpacked, but does not run" >&2; return 1; }
	done
}

# musl is for the programs under audit that are built with it; without it they are left out, by name.
fetch_musl() {
	[ -n "$(compgen -G 'tests/programs/*_musl.c')" ] || return 0
	present musl && return
	echo "fetching musl musl-dev"
	download musl musl-dev || return 1
	# Where /usr is merged, installing would have put the one beside the other. A loader is known by its name.
	cp -a "$into/lib/x86_64-linux-musl/." "$into/usr/lib/x86_64-linux-musl/"
	ln -sf libc.so "$into/usr/lib/x86_64-linux-musl/ld-musl-x86_64.so.1"
	present musl
}

PATH=$into/bin:$PATH
if [ "${1:-}" = lint ]; then
	for tool in "${lint_tools[@]}"; do
		fetch "$tool" || echo "fetch.sh: ${tool%%=*}: cannot be had here" >&2
	done
else
	fetch_musl || echo "fetch.sh: musl: cannot be had here; programs built with it are left out" >&2
	fetch "${check_tools[@]}" || { echo "fetch.sh: tools are missing and cannot be downloaded" >&2; exit 1; }
fi
