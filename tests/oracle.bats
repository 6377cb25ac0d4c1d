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
