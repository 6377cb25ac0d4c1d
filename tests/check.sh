#!/bin/bash
# Runs what `make check` has built: unit tests, bats, and each fuzzer for FUZZ_SECONDS. The argument, if any, is an
# extended regular expression: only tests whose names match run. Prints one line a test, then the sum.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/tools/env.sh

pattern=${1:-}
build=build/${MODE:-release}
log=$build/check
mkdir -p "$log"
: >"$log/results"
export PTWRAP=$PWD/$build/ptwrap PROGRAMS=$PWD/$build/programs TOP=$PWD
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
# bats counts on a clean slate: nothing of a developer's own set-up may reach the programs under audit.
unset LD_PRELOAD NO_COLOR MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES T

# result VERDICT NAME [REMARK], VERDICT as in TAP.
result() {
	printf '%s - %s%s\n' "$1" "$2" "${3:+ # $3}" | tee -a "$log/results"
}

wanted() {
	[ -z "$pattern" ] || grep -qE -- "$pattern" <<<"$1"
}

run_unit() {
	local name=unit/${1##*/} output
	wanted "$name" || return 0
	if output=$(timeout 300 "$1" 2>&1 </dev/null); then
		output=${output##*$'\n'}
		[[ $output =~ ^ok\ ([0-9]+)$ ]] && output="${BASH_REMATCH[1]} checks"
		result ok "$name" "$output"
	else
		printf '%s\n' "$output" | sed 's/^/# /'
		result 'not ok' "$name"
	fi
}

run_fuzzer() {
	local name=fuzz/${1##*/} corpus=build/fuzz/corpus/${1##*/}
	wanted "$name" || return 0
	mkdir -p "$corpus"
	local seeds=()
	[ ! -d "tests/fuzz/corpus/${1##*/}" ] || seeds=("tests/fuzz/corpus/${1##*/}")
	if "$1" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=20 -artifact_prefix="$corpus-" "$corpus" "${seeds[@]}" \
		>"$log/${1##*/}.log" 2>&1 </dev/null; then
		result ok "$name" "$FUZZ_SECONDS s"
	else
		tail -n 40 "$log/${1##*/}.log" | sed 's/^/# /'
		result 'not ok' "$name"
	fi
}

# bats numbers each file's tests from 1; here each line gets its file's name instead.
# run_bats FILE [PREFIX]
run_bats() {
	local name=${2:-}${1#tests/} filter=()
	[ -z "$pattern" ] || filter=(-f "$pattern")
	timeout "${BATS_FILE_TIMEOUT:-1800}" bats --tap "${filter[@]}" "$1" </dev/null 2>&1 |
		sed -uE "/^1\.\.[0-9]+$/d; s|^((not )?ok) [0-9]+ |\1 - ${name%.bats}: |" |
		tee "$log/tap"
	local status=${PIPESTATUS[0]}
	grep -E '^(not )?ok - ' "$log/tap" >>"$log/results"
	[ "$status" -le 1 ] || result 'not ok' "$name" "bats ended with status $status"
}

for file in tests/unit/test_*.c; do
	[ ! -e "$file" ] || run_unit "$build/unit/$(basename "$file" .c)"
done
for file in tests/fuzz/fuzz_*.c; do
	fuzzer=build/fuzz/$(basename "$file" .c)
	if [ -x "$fuzzer" ]; then
		run_fuzzer "$fuzzer"
	elif [ -e "$file" ] && wanted "fuzz/${fuzzer##*/}"; then
		result ok "fuzz/${fuzzer##*/}" 'skip no clang with its fuzzing runtime here'
	fi
done
for file in tests/*.bats; do
	[ ! -e "$file" ] || run_bats "$file"
done

# Once more by the kernel view alone: all that is not about the shim, nor about no run at all.
kernel_view=$build/kernel-view
mkdir -p "$kernel_view"
printf '#!/bin/sh\nexec %s --no-shim "$@"\n' "'$PTWRAP'" >"$kernel_view/ptwrap"
chmod +x "$kernel_view/ptwrap"
for file in tests/*.bats; do
	case ${file#tests/} in
	badinput.bats | cli.bats | examples.bats | fastpath.bats | oracle.bats | policycheck.bats | shim.bats | verify.bats) continue ;;
	runtimes.bats | self.bats | tracers.bats) continue ;;
	esac
	VIEW=kernel PTWRAP=$PWD/$kernel_view/ptwrap run_bats "$file" 'no-shim/'
done

skipped=$(grep -ciE '^ok - .* # skip' "$log/results")
failed=$(grep -c '^not ok' "$log/results")
passed=$(($(grep -c '^ok' "$log/results") - skipped))
if [ "$failed" -gt 0 ]; then
	printf '\nfailed:\n'
	grep '^not ok' "$log/results"
fi
[ "$skipped" -eq 0 ] || printf '\n%s skipped, each with its reason above\n' "$skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
