# shellcheck shell=bash
# Packages without root: apt with state, cache and sources of its own under build/apt. To be sourced from the top
# of the tree. Never writes to the machine's own package state.

apt_home=$PWD/build/apt

# apt_sources TYPE: the machine's own archives of its own release, as deb or deb-src lines in deb822 form.
apt_sources() {
	local type=$1 code
	code=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
	find /etc/apt/sources.list.d -name '*.sources' -exec sh -c 'for f; do cat "$f"; echo; done' sh {} + 2>/dev/null |
		sed '/^#/d' | awk -v code="$code" -v type="$type" '
			BEGIN { RS = ""; FS = "\n" }
			{ own = 0
			  for (i = 1; i <= NF; i++)
				if ($i ~ "^Suites:.*[ \t]" code "(-updates|-security)?([ \t]|$)") own = 1
			  if (!own) next
			  for (i = 1; i <= NF; i++) print $i ~ /^Types:/ ? "Types: " type : $i
			  print "" }'
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v code="$code" -v type="$type" '
		$1 == "deb" {
			options = ""; rest = $0
			if (match(rest, /\[[^]]*\]/)) {
				options = substr(rest, RSTART + 1, RLENGTH - 2)
				rest = substr(rest, 1, RSTART - 1) substr(rest, RSTART + RLENGTH)
			}
			split(rest, word, /[ \t]+/)
			if (word[3] !~ "^" code "(-updates|-security)?$" || seen[word[2], word[3]]++) next
			printf "Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n", type, word[2], word[3]
			if (match(options, /signed-by=[^ \t]+/))
				printf "Signed-By: %s\n", substr(options, RSTART + 10, RLENGTH - 10)
			print "" }'
}

# apt_own TYPE ...: runs apt-get on archives of TYPE with everything it writes under build/apt.
apt_own() {
	local type=$1
	shift
	local home=$apt_home/$type
	if [ ! -e "$home/apt.conf" ]; then
		mkdir -p "$home"/{lists/partial,cache/archives/partial,sources}
		apt_sources "$type" >"$home/sources/own.sources"
		cat >"$home/apt.conf.new" <<-CONF
			Dir::State::Lists "$home/lists";
			Dir::Cache "$home/cache";
			Dir::Etc::SourceList "/dev/null";
			Dir::Etc::SourceParts "$home/sources";
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			Acquire::Retries "3";
		CONF
		APT_CONFIG=$home/apt.conf.new apt-get -qq update || return 1
		mv "$home/apt.conf.new" "$home/apt.conf"
	fi
	APT_CONFIG=$home/apt.conf apt-get -qq "$@"
}
