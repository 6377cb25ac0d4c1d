# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # jq expands what stands in single quotes; bats sets status
# What a report's counts are compared with: strace's, or those that a program kept itself. Load after helper.

# counts: "NAME CALLS ERRORS" and "NAME ERRNO COUNT" of each call in the report but those that never return.
counts() {
	report '.syscalls[] | select(.name | test("^exit") | not) | .name as $name |
		"\($name) \(.calls) \(.errors)", (.errnos // {} | to_entries[] | "\($name) \(.key) \(.value)")' | sort
}

# strace_counts COMMAND...: the same as strace has it: its lines, then the table that it counts them into.
strace_counts() {
	strace -f -C -o counts.strace "$@" >counts.out
	awk '/^[0-9]+ +(<\.\.\. )?[a-z_0-9]+.* = (-1|\?) E[A-Z0-9_]+( |$)/ {
			name = $2 == "<..." ? $3 : $2; sub(/\(.*/, "", name)
			match($0, / = (-1|\?) E[A-Z0-9_]+/); split(substr($0, RSTART, RLENGTH), part, " ")
			errors[name " " part[3]]++ }
		/^[ 0-9.]+ [a-z_0-9]+$/ && !/ total$/ { print $NF, $4, NF == 6 ? $5 : 0 }
		END { for (error in errors) print error, errors[error] }' counts.strace | sort
}

# counts_as_strace [OPTION]... COMMAND: --level all counts what strace counts.
counts_as_strace() {
	audit --level all "$@"
	same status 0 "$status"
	same counts "$(strace_counts "${@: -1}")" "$(counts)"
	report_is '.coverage.complete and .totals.syscalls == ([.syscalls[].calls] | add)'
}

# counted: of each call named in ./counted, "NAME CALLS ERRORS" a line, the report holds as many.
counted() {
	same 'counts of calls' "$(sort counted)" \
		"$(report '.syscalls[] | "\(.name) \(.calls) \(.errors)"' | awk 'NR == FNR { asked[$1]; next } $1 in asked' counted - | sort)"
}
