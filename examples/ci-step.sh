#!/bin/bash
# A CI step under audit. Instead of
#     make -j2 test
# the job calls
#     examples/ci-step.sh make -j2 test
# The step's output, status and files are as before; beside them stand the reports, for the job to keep as artefacts:
# step.json for programs, step.txt for people, step.ptw from which `ptwrap --read` makes any other report later.
#
#   PTWRAP       which ptwrap (default: the one in PATH)
#   REPORTS      where the reports go (default: ptwrap-reports)
#   ALLOWED_NET  an extended regular expression of addresses that the step may talk to (default: anything);
#                a step that succeeded but talked to another host fails here with status 3
set -u
ptwrap=${PTWRAP:-ptwrap}
reports=${REPORTS:-ptwrap-reports}

mkdir -p "$reports" || exit 125
"$ptwrap" -o "$reports/step.json" -o "$reports/step.txt" -o "$reports/step.ptw" -- "$@"
status=$?

if [ "$status" -eq 0 ] && [ -n "${ALLOWED_NET:-}" ]; then
	others=$(jq -r --arg allowed "$ALLOWED_NET" '
		[.network[] | select(.op == "connect" and (.family == "inet" or .family == "inet6")) | .address
		 | select(test("^(" + $allowed + ")$") | not)] | unique | .[]' "$reports/step.json")
	if [ -n "$others" ]; then
		printf 'ci-step: this step talked to a host that is not on its list: %s\n' "$others" >&2
		exit 3
	fi
fi
exit "$status"
