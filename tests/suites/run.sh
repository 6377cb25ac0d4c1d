#!/bin/bash
# run.sh [SUITE]...: test-suites that nobody here wrote, run bare and under ptwrap: the same tests must pass. Sources come from the machine's own
# archive (tests/tools/apt.sh) and are unpacked and built in build/suites. The last line is the sum.
#
# A test that does not end the same way twice bare is left out, by name. A difference that is in tests/suites/differences
# (suite, view, test, reason) is told with its reason, and is none.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/apt.sh
. tests/tools/env.sh

top=$PWD
home=$PWD/build/suites
ptwrap=$PWD/build/release/ptwrap
path=$PATH
limit=${SUITE_SECONDS:-1500} # for one run of one suite
passed=0 failed=0
out=
scratch=$(mktemp -u "${TMPDIR:-/tmp}/suiteXXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL LD_PRELOAD

# Each suite has a function that prepares it (once), and one that runs it by "$@" COMMAND and writes "TEST PASS|FAIL|SKIP"
# lines into the file $out.

source_of() {
	mkdir -p "$home" && (cd "$home" && { compgen -G "$1-[0-9]*/" >/dev/null || apt_own deb-src source "$1" >/dev/null; })
}

prepare_bash() {
	source_of bash || return 1
	(cd "$home"/bash-[0-9]*/ && { [ -x bash ] || { ./configure && make -j"$(nproc)"; }; } && make recho zecho printenv xcase) \
		>"$home/bash.log" 2>&1
}

# A test of bash passes where nothing is printed.
run_bash() {
	(cd "$home"/bash-[0-9]*/tests || return
		export THIS_SH=../bash BUILD_DIR=.. BASH_TSTOUT=$home/bash.out PATH=.:..:$PATH
		unset BASH_ENV
		for test in run-*; do
			case $test in run-all | run-minimal | run-gprof | *.orig) continue ;; esac
			if [ -z "$(timeout 120 "$@" sh "$test" </dev/null 2>&1)" ]; then
				echo "$test PASS"
			else
				echo "$test FAIL"
			fi
		done) >"$out"
}

prepare_busybox() {
	source_of busybox || return 1
	(cd "$home"/busybox-[0-9]*/ && { [ -x busybox ] || { make defconfig && make -j"$(nproc)"; }; }) >"$home/busybox.log" 2>&1
}

run_busybox() {
	(cd "$home"/busybox-[0-9]*/testsuite &&
		timeout "$limit" "$@" ./runtest -v </dev/null 2>&1 |
		sed -nE 's/^(PASS|FAIL|SKIPPED): (.*)/\2 \1/p' | sed 's/ SKIPPED$/ SKIP/') >"$out"
}

prepare_python() {
	[ -e "$home/python/test/test_subprocess.py" ] && return
	local version
	version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') || return 1
	mkdir -p "$home/python" "$home/debs" && rm -f "$home/debs"/libpython*.deb &&
		(cd "$home/debs" && apt_own deb download "libpython$version-testsuite") &&
		dpkg-deb -x "$home/debs"/libpython*.deb "$home/debs/python" &&
		cp -r "/usr/lib/python$version/test" "$home/debs/python/usr/lib/python$version/test" "$home/python/"
}

# A module at a time: one that hangs bare takes no other with it.
run_python() {
	local module
	: >"$out"
	for module in subprocess signal threading threadsignals thread wait3 wait4 fork1 popen posix os pty epoll select selectors \
		eintr faulthandler multiprocessing_fork; do
		PYTHONPATH=$home/python PYTHONDONTWRITEBYTECODE=1 timeout -k 5 180 "$@" /usr/bin/python3 \
			"$top/tests/suites/unittests.py" "$out.one" "test.test_$module" </dev/null >"$out.log" 2>&1
		cat "$out.one" >>"$out"
	done
}

# The packages that the archive's golang-go stands for, and the sources of its library, which have the tests.
prepare_go() {
	go_root=$home/go/root
	export GOROOT=$go_root GOPATH=$home/go/path GOCACHE=$home/go/cache GO111MODULE=off GOFLAGS=
	[ -e "$home/go/ready" ] && return
	local version file package
	mkdir -p "$home/go" "$home/debs" && rm -f "$home/debs"/golang-*.deb && apt_own deb update &&
		version=$(APT_CONFIG=$apt_home/deb/apt.conf apt-cache depends golang-go | sed -n 's/.*Depends: golang-\([0-9.]*\)-go$/\1/p') &&
		(cd "$home/debs" && apt_own deb download "golang-$version-go" "golang-$version-src") || return 1
	for file in "$home"/debs/golang-*.deb; do dpkg-deb -x "$file" "$home/go" || return 1; done
	ln -sfn "usr/lib/go-$version" "$go_root"
	for package in "${go_packages[@]}"; do
		"$go_root/bin/go" test -c -o "$home/go/${package//\//_}.test" "$package" || return 1
	done >"$home/go.log" 2>&1
	: >"$home/go/ready"
}

# Goroutines on threads that Go makes by itself, signals to make them yield, children, descriptors. Not the tests that are about
# profiles of C code: they count on being fast enough.
go_packages=(os os/exec os/signal syscall time sync internal/poll net runtime)

run_go() {
	local package
	: >"$out"
	for package in "${go_packages[@]}"; do
		(cd "$go_root/src/$package" && PATH=$go_root/bin:$path timeout -k 5 300 "$@" "$home/go/${package//\//_}.test" \
			-test.v -test.short -test.run 'Test([^C]|C[^g])' </dev/null 2>&1) |
			sed -nE "s|^ *--- (PASS\|FAIL\|SKIP): (.*) \([0-9.]+s\)$|$package.\2 \1|p" >>"$out"
	done
}

# explained SUITE VIEW TEST: the reason, if it is a known difference.
explained() {
	local suite view test reason
	while read -r suite view test reason; do
		[[ $suite == "$1" && $2 =~ ^($view)$ && $3 =~ ^($test)$ ]] && echo "$reason" && return
	done < <(grep -v '^#' tests/suites/differences)
	return 1
}

# compare SUITE VIEW BARE AGAIN WRAPPED
compare() {
	local name verdict bare again wrapped reason
	while IFS=$'\t' read -r name bare again wrapped; do
		verdict=ok
		if [ "$bare" != "$again" ]; then
			echo "# $1: $name: bare $bare, then $again: left out"
			continue
		elif [ "$bare" == "$wrapped" ]; then
			passed=$((passed + 1))
			continue
		elif reason=$(explained "$1" "$2" "$name"); then
			echo "ok - $1, $2: $name: bare $bare, wrapped $wrapped # $reason"
			passed=$((passed + 1))
			continue
		fi
		verdict='not ok'
		failed=$((failed + 1))
		echo "$verdict - $1, $2: $name: bare $bare, wrapped $wrapped"
	done < <(awk -v OFS='\t' '
		{ outcome = $NF; sub(/ [A-Z]+$/, ""); seen[$0]; of[$0, FILENAME] = outcome }
		END { for (name in seen) print name, of[name, ARGV[1]] "", of[name, ARGV[2]] "", of[name, ARGV[3]] "" }' "$3" "$4" "$5" |
		sed 's/\t\t/\tnone\t/g; s/\t\t/\tnone\t/g; s/\t$/\tnone/' | sort)
}

# run SUITE RESULT COMMAND...: with a TMPDIR of its own, empty at the start; some tests are about what is not there.
run() {
	rm -rf "$scratch" && mkdir "$scratch"
	TMPDIR=$scratch out=$2 "run_$1" "${@:3}"
}

# suite NAME: bare twice, and under ptwrap.
suite() {
	local view results=$home/results
	mkdir -p "$results"
	"prepare_$1" || { echo "not ok - $1: cannot be had here"; failed=$((failed + 1)); return; }
	run "$1" "$results/$1.bare" env
	run "$1" "$results/$1.again" env
	[ "$(grep -c ' PASS$' "$results/$1.bare")" -gt 20 ] || { echo "not ok - $1: hardly anything passes bare"; failed=$((failed + 1)); return; }
	for view in audit all; do
		run "$1" "$results/$1.$view" "$ptwrap" -q --level "$view"
		echo "# $1: $(grep -c ' PASS$' "$results/$1.bare") pass bare, $(grep -c ' PASS$' "$results/$1.$view") at $view"
		compare "$1" "$view" "$results/$1.bare" "$results/$1.again" "$results/$1.$view"
	done
}

[ $# -gt 0 ] || set -- bash busybox python go
for name; do suite "$name"; done
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
