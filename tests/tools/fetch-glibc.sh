#!/bin/bash
# fetch-glibc.sh SUITE: the loader and libc of another suite of the machine's own distribution, unpacked into build/glibc-SUITE.
# Prints the folder that they lie in; fails, with the reason, where there is none to be had. Never installs anything.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/apt.sh

suite=$1
into=$PWD/build/glibc-$suite
lib=$into/usr/lib/x86_64-linux-gnu

# The machine's own archive, of that suite alone.
sources() {
	apt_sources deb | awk -v suite="$suite" '
		BEGIN { RS = ""; FS = "\n" }
		/security/ || seen++ { next }
		{ for (i = 1; i <= NF; i++) print $i ~ /^Suites:/ ? "Suites: " suite : $i }'
}

# apt.sh has a configuration for each type of archive, made if it is not there: this one's type is the suite.
configure() {
	local home=$apt_home/$suite
	[ ! -e "$home/apt.conf" ] || return 0
	mkdir -p "$home"/{lists/partial,cache/archives/partial,sources}
	sources >"$home/sources/own.sources"
	cat >"$home/apt.conf.new" <<-CONF
		Dir::State::Lists "$home/lists";
		Dir::Cache "$home/cache";
		Dir::Etc::SourceList "/dev/null";
		Dir::Etc::SourceParts "$home/sources";
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
		Acquire::Languages "none";
		Acquire::Retries "1";
		Acquire::http::Timeout "20";
	CONF
	APT_CONFIG=$home/apt.conf.new apt-get -qq update && mv "$home/apt.conf.new" "$home/apt.conf"
}

fetch() {
	configure || return 1
	local packages=$apt_home/$suite/packages
	mkdir -p "$packages" && rm -f "$packages"/*.deb
	(cd "$packages" && APT_CONFIG=$apt_home/$suite/apt.conf apt-get -qq download libc6) || return 1
	rm -rf "$into.new"
	dpkg-deb -x "$packages"/libc6_*.deb "$into.new" || return 1
	# Before /usr was merged the libraries lay beside it.
	[ -e "$into.new/usr/lib/x86_64-linux-gnu/libc.so.6" ] || cp -a "$into.new/lib" "$into.new/usr/"
	rm -rf "$into"
	mv "$into.new" "$into"
}

[ -e "$lib/libc.so.6" ] || fetch >&2 || { echo "fetch-glibc.sh: $suite: cannot be had here" >&2; exit 1; }
if [ ! -e "$lib/ld-linux-x86-64.so.2" ]; then
	echo "fetch-glibc.sh: $suite: its loader lies elsewhere" >&2
	exit 1
fi
echo "$lib"
