#!/bin/bash
# A CI step that does what it did when it was learned, with the same programs, and nothing else:
#     examples/locked-step.sh step.policy make -j2 test
# The first time, when there is no step.policy, the step is learned and its programs are locked by their digests. Read
# that file, keep it with the sources, and the same line holds the step to it: what is not in it is denied, and a step
# that tried fails, with status 3 if it succeeded otherwise. To learn anew, delete the file.
#
#   PTWRAP   which ptwrap (default: the one in PATH)
#   REPORTS  where the report goes (default: ptwrap-reports)
set -u
ptwrap=${PTWRAP:-ptwrap}
reports=${REPORTS:-ptwrap-reports}
policy=$1
shift

# lock: for each learned program a rule that forbids it by name, and one that allows what it is now; not for what the
# step itself may have built.
lock() {
	local program
	printf '\n# Locked: these programs, as they were.\n'
	grep -o '^allow exec  *[^ *]*' "$1" | while read -r _ _ program; do
		program=${program/#\$HOME/$HOME}
		program=${program/#\$TMPDIR/${TMPDIR:-/tmp}}
		[ -f "$program" ] || continue
		printf 'deny  exec     %s\nallow exec     sha256:%s\n' "$program" "$(sha256sum <"$program" | cut -d ' ' -f 1)"
	done
}

mkdir -p "$reports" || exit 125
if [ -e "$policy" ]; then
	exec "$ptwrap" -o "$reports/step.json" -P "$policy" --error-exitcode 3 -- "$@"
fi
"$ptwrap" -o "$reports/step.json" --learn "$policy.new" -- "$@"
status=$?
[ "$status" -eq 0 ] || { rm -f "$policy.new"; exit "$status"; }
{ cat "$policy.new" && lock "$policy.new"; } >"$policy" && rm "$policy.new"
