# What ptwrap reports of a build is what strace sees of it. The long builds are `make check-builds`.

load helper

oracle() {
	/usr/bin/env PYTHONDONTWRITEBYTECODE=1 python3 "$TOP/tests/oracle/compare.py" --ptwrap "$PTWRAP" \
		--work "$BATS_TEST_TMPDIR/work" "$@"
}

@test "the comparison is stable: strace against strace finds no difference" {
	needs python3 strace
	hello_project hello
	oracle --self-test --source hello --name hello -- make -j2 test
}

@test "a parallel build: programs, files and products as strace sees them" {
	needs python3 strace
	hello_project hello
	oracle --level audit --level all --source hello --name hello -- make -j2 test
}

@test "the same without the shim" {
	needs python3 strace
	hello_project hello
	oracle --option=--no-shim --source hello --name hello -- make -j2 test
}

@test "odd names, links, dot-dot, renamed folders, shared working directories: as strace sees them" {
	needs python3 strace
	oracle --level audit --level all --source "$TOP/tests/oracle/odd" --name odd -- sh odd.sh
	oracle --option=--no-shim --source "$TOP/tests/oracle/odd" --name odd -- sh odd.sh
}

@test "names relative to descriptors, exchanged, refused, deleted: as strace sees them" {
	needs python3 strace
	local python
	python=$(PATH=/usr/local/bin:/usr/bin:/bin:$PATH command -v python3)
	oracle --level audit --level all --source "$TOP/tests/oracle/odd" --name descriptors -- "$python" descriptors.py
}

# lines_as_strace COMMAND...: the strace report of COMMAND has strace's own lines; with $once set, however often each.
lines_as_strace() {
	needs python3 strace
	local tool
	for tool in strace ptwrap; do
		mkdir "$tool"
		case $tool in
		strace) (cd strace && strace -f -ttt -T -y -o ../strace.log "$@") ;;
		ptwrap) (cd ptwrap && "$PTWRAP" -q --no-shim -l all -o strace:../ptwrap.log "$@") ;;
		esac >/dev/null
		python3 "$TOP/tests/oracle/lines.py" "$tool.log" | sed "s|$PWD/$tool|.|g" | sort ${once:+-u} >"$tool.lines"
	done
	[ -s strace.lines ]
	same lines "$(cat strace.lines)" "$(cat ptwrap.lines)"
}

@test "the strace report has strace's lines: calls on files" {
	lines_as_strace "$PROGRAMS/files" path
}

@test "the strace report has strace's lines: what cannot be executed" {
	lines_as_strace "$PROGRAMS/execs" failing "$PROGRAMS/counts" counts
}

@test "the strace report has strace's lines: signals" {
	once=yes lines_as_strace "$PROGRAMS/signals" handled # a signal that nobody handles interrupts what waits, or comes before
}
