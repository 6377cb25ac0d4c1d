#!/bin/bash
# Questions to a JSON report of ptwrap, with jq. questions.md shows and explains each.
#   questions.sh REPORT programs           which programs ran, how often
#   questions.sh REPORT who-wrote PATH     which commands wrote (or created, renamed to) PATH
#   questions.sh REPORT peers              whom the tree talked to
#   questions.sh REPORT slowest            the ten processes that lived longest
#   questions.sh REPORT missing            what was looked for and not found, by how many names a folder
#   questions.sh REPORT inputs             files read that the tree did not make itself
#   questions.sh REPORT failures           processes that failed, with their command lines
#   questions.sh REPORT blind-spots        what the report does not know
# shellcheck disable=SC2016
set -eu
[ $# -ge 2 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" | grep -v shellcheck; exit 2; }
report=$1
question=$2

# The command line of a process at its end, for all filters below.
define='def command: (.execs[-1].argv // [.comm]) | join(" ");'

case $question in
programs)
	filter='[.processes[].execs[].path] | group_by(.) | map({n: length, path: .[0]}) | sort_by(-.n, .path)[]
		| "\(.n)\t\(.path)"' ;;
who-wrote)
	filter='. as $report | [.files[] | select(.path == $path) | .writers[]] | unique[]
		| . as $id | $report.processes[] | select(.id == $id) | "\(.pid)\t\(command)"' ;;
peers)
	filter='[.network[] | select(.op == "connect" or .op == "send") | select(.address)
		| "\(.family)\t\(.address)\(if .port then ":\(.port)" else "" end)\t\(.count) × \(.op)"] | unique[]' ;;
slowest)
	filter='[.processes[] | select(.end_ns) | {ms: ((.end_ns - .start_ns) / 1000000 | floor), line: command}]
		| sort_by(-.ms)[:10][] | "\(.ms) ms\t\(.line)"' ;;
missing)
	filter='[.files[] | select(any(.ops[]; . == "missing")) | .path | sub("/[^/]*$"; "")] | group_by(.)
		| map({n: length, folder: .[0]}) | sort_by(-.n, .folder)[] | "\(.n)\t\(.folder)/"' ;;
inputs)
	filter='.files[] | select(any(.ops[]; . == "read") and all(.ops[]; . != "write" and . != "create")) | .path' ;;
failures)
	filter='.processes[] | select(.exit and (.exit.code != 0)) | "\(.exit.signal // .exit.code)\t\(command)"' ;;
blind-spots)
	filter='.coverage | if .complete then "complete" else "not complete" end,
		(.notes[] | "\(.kind)\t\(.text)")' ;;
*)
	echo "questions.sh: $question: no such question" >&2
	exit 2 ;;
esac

jq -r --arg path "${3:-}" "$define $filter" "$report"
