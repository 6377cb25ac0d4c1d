#!/bin/bash
# After `make coverage`: how much of each source the tests have run, least covered first. Detail goes to build/cov/gcov.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/cov/gcov
find "$PWD/build/cov/launcher" -name '*.gcda' | (cd build/cov/gcov && xargs gcov -r -s "$OLDPWD") |
	awk -F"'" '/^File/ { file = $2 } /^Lines executed/ && file ~ /^launcher/ {
		split($0, part, /[:% ]+/)
		printf "%6.2f%% of %5d  %s\n", part[3], part[5], file
		covered += part[3] * part[5] / 100; lines += part[5]; file = "" }
		END { printf "%6.2f%% of %5d  in all\n", lines ? 100 * covered / lines : 0, lines }' | sort -n -u
