#!/usr/bin/env bats
# The command line as its user meets it: help, version, manual page, refusals, the doctor.

bats_require_minimum_version 1.5.0
load helper

# refused PART-OF-MESSAGE [ARG]...: status 125, nothing on standard output, one line on standard error.
refused() {
	local part=$1
	shift
	run --separate-stderr "$PTWRAP" "$@"
	same status 125 "$status"
	same stdout '' "$output"
	same 'number of lines' 1 "${#stderr_lines[@]}"
	[[ $stderr == 'ptwrap: '*"$part"* ]] || same message "$part" "$stderr"
}

@test "--help goes to standard output and names every option once" {
	run --separate-stderr "$PTWRAP" --help
	same status 0 "$status"
	same stderr '' "$stderr"
	local option
	for option in output level trace user policy rule dry-run error-exitcode best-effort on-exit check ask read no-shim \
		redact no-redact max-size wait-all allow-io-uring quiet verbose color help version doctor; do
		same "lines of --$option" 1 "$(grep -cE -- "^ +(-[a-zA-Z], )?--$option(=|  |$)" <<<"$output")"
	done
}

@test "--help offers nothing that is not accepted" {
	local option
	for option in $("$PTWRAP" --help | grep -oE -- '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		run --separate-stderr "$PTWRAP" "$option"
		[[ $stderr != *unrecognized* ]]
	done
}

@test "--help fits a terminal of 100 columns" {
	run "$PTWRAP" --help
	same 'longest line' '' "$(awk 'length > 100' <<<"$output")"
}

@test "-h and -V are --help and --version" {
	same help "$("$PTWRAP" --help)" "$("$PTWRAP" -h)"
	same version "$("$PTWRAP" --version)" "$("$PTWRAP" -V)"
	[[ $("$PTWRAP" -V) =~ ^ptwrap\ [0-9]+\.[0-9]+ ]]
}

@test "what is asked for and cannot be printed is a failure, which is told" {
	local what
	echo 'deny write /a' >x.policy
	for what in --help --version --man --doctor '--check x.policy'; do
		run -125 --separate-stderr bash -c '"$PTWRAP" $0 >/dev/full' "$what"
		same "message of $what" 'ptwrap: standard output: No space left on device' "$stderr"
		run -125 --separate-stderr bash -c '"$PTWRAP" $0 >&-' "$what"
		same "message of $what" 'ptwrap: standard output: Bad file descriptor' "$stderr"
	done
}

@test "without a COMMAND the status is 125" {
	refused 'no COMMAND given'
	refused 'no COMMAND given' -q
	refused 'no COMMAND given' --
}

@test "an unknown option is named, with where to look" {
	refused "unrecognized option '--foo': try 'ptwrap --help'" --foo true
	refused "unrecognized option '-x': try 'ptwrap --help'" -x true
	refused "unrecognized option '-x'" -qx true
}

@test "options whose issue has not come yet are not accepted" {
	local option
	for option in --hash --skip --progress --diff --query --mark; do
		refused "unrecognized option '$option'" "$option" x
	done
}

@test "a wrong argument is refused, and says what is right" {
	refused 'exec, audit, all' --level most true
	refused 'auto, always, never' --color=red true
	refused '--max-size' --max-size lots true
	refused 'argument is missing' --output
	refused 'takes no argument' --quiet=yes true
	refused 'ambiguous' --no true
}

@test "--level exec and --trace do not go together" {
	refused '--level exec' -l exec -e openat true
	refused '--level exec' -e openat -l exec true
}

@test "an unknown format or suffix lists the known ones" {
	refused 'json' -o report.foo true
	refused '.ptw' -o report.foo true
	refused 'json' -o foo:report.json true
	refused 'ptw' -o - true
}

@test "--user is for root" {
	needs setpriv
	if [ "$(id -u)" -eq 0 ]; then
		cp "$PTWRAP" ptwrap
		chmod 755 . ptwrap
		run setpriv --reuid=65534 --clear-groups ./ptwrap -u root true
	else
		run "$PTWRAP" -u root true
	fi
	same status 125 "$status"
	[[ $output == 'ptwrap: --user: '*'only root'* ]]
}

@test "a report that cannot be written is known before COMMAND runs" {
	refused 'No such file or directory' -o nowhere/run.json touch ran
	refused 'Is a directory' -o json:. touch ran
	refused 'same file' -o run.json -o ./run.json touch ran
	[ ! -e ran ]
}

@test "one message is one line, whatever a name holds" {
	refused 'No such file or directory' -o $'no\nwhere/run.json' true
}

@test "--read of a file that is missing is a failure" {
	refused 'No such file or directory' --read missing.ptw
	refused 'takes no COMMAND' --read missing.ptw true
}

@test "--read from a pipe makes the reports that the file makes" {
	local format
	"$PTWRAP" -q -o run.ptw -o run.txt -o run.json -o run.ndjson -o run.strace sh -c 'cat /dev/null; ls nothing; true' 2>/dev/null
	for format in ptw txt json ndjson strace; do
		"$PTWRAP" -q --read - -o "dash.$format" < <(cat run.ptw)
		"$PTWRAP" -q --read /dev/stdin -o "device.$format" < <(cat run.ptw)
		"$PTWRAP" -q --read run.ptw -o "file.$format"
		{ read -rn 1 _; "$PTWRAP" -q --read - -o "rest.$format"; } < <(printf x; cat run.ptw)
		cmp "run.$format" "dash.$format" && cmp "run.$format" "device.$format" && cmp "run.$format" "file.$format" &&
			cmp "run.$format" "rest.$format"
	done
	same 'temporary files' '' "$(find . -name 'ptwrap-*')"
}

@test "the digest of a recording is that of its file, and in a report where there is one" {
	"$PTWRAP" -q -o run.json -o run.ptw true
	report_is '.recording_sha256 == $sum' --arg sum "$(sha256sum <run.ptw | cut -c 1-64)"
	"$PTWRAP" -q --read run.ptw -o again.json
	cmp run.json again.json
	audit true
	report_is 'has("recording_sha256") | not'
}

@test "without -q there is a summary on standard error, and standard output is COMMAND's" {
	run -3 --separate-stderr "$PTWRAP" -o run.ptw -o run.json sh -c 'echo out; ls /nowhere 2>/dev/null; seq 100 | xargs -n 1 true; exit 3'
	same stdout out "$output"
	[[ ${stderr_lines[0]} == "ptwrap: sh -c "*": exit status 3 after "*s ]]
	[ "${#stderr_lines[@]}" -le 40 ]
	same 'last line' "written: run.ptw (SHA-256 $(sha256sum <run.ptw | cut -c 1-64)), run.json" "${stderr_lines[-1]}"
	run -3 --separate-stderr "$PTWRAP" -q -o run.json sh -c 'exit 3'
	same 'stderr of -q' '' "$stderr"
}

@test "-v says of each section of the summary that it is empty, --color=always alone colors it" {
	run -0 --separate-stderr "$PTWRAP" true
	local count=${#stderr_lines[@]} option
	run -0 --separate-stderr "$PTWRAP" -v true
	[[ ${#stderr_lines[@]} -gt $count && $stderr == *'  removed    nothing'* ]]
	for option in never auto always; do
		run -0 --separate-stderr "$PTWRAP" --color=$option true
		same "escapes of --color=$option" "$([ $option != always ] || echo yes)" "$([[ $stderr != *$'\e'* ]] || echo yes)"
	done
}

@test "the manual page has every option and no warning" {
	needs groff
	"$PTWRAP" --man >ptwrap.1
	same warnings '' "$(groff -man -Tutf8 -ww -z ptwrap.1 2>&1)"
	local page section option
	page=$(groff -man -Tascii -P-c -P-b -P-u -rLL=200n ptwrap.1 | tr -s ' ')
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' ENVIRONMENT FILES EXAMPLES 'SEE ALSO'; do
		grep -qx "$section" <<<"$page"
	done
	for option in $("$PTWRAP" --help | grep -oE -- '--[a-z-]+[a-z]'); do
		grep -qF -- "$option" <<<"$page" || same option "$option" ''
	done
}

@test "the doctor says that an audit works here" {
	run --separate-stderr "$PTWRAP" --doctor
	same status 0 "$status"
	same 'odd lines' '' "$(grep -vE '^(ok   |warn |FAIL )[ ].' <<<"$output")"
	same 'lines without a fix' '' "$(grep -E '^(warn|FAIL)' <<<"$output" | grep -v ' -> ')"
	[[ $output == *'ptrace of a sibling'* ]]
}

@test "the doctor says what a sandbox refuses, and the fix" {
	needs_program refuse
	run "$PROGRAMS/refuse" ptrace=EPERM "$PTWRAP" --doctor
	same status 1 "$status"
	[[ $output == *'FAIL  ptrace of a sibling process: Operation not permitted  -> '*SYS_PTRACE* ]]
	run "$PROGRAMS/refuse" seccomp=EINVAL "$PTWRAP" --doctor
	same status 1 "$status"
	[[ $output == *'FAIL  seccomp filter'*'--level exec'* ]]
	run -0 "$PROGRAMS/refuse" mseal=ENOSYS "$PTWRAP" --doctor
	[[ $output == *'warn  mseal: rules on read, write and net cannot be kept for sure  -> '* ]]
	run "$PROGRAMS/refuse" process_vm_readv=EPERM "$PTWRAP" --doctor
	same status 0 "$status"
	[[ $output == *'warn  process_vm_readv'* ]]
}

@test "where ptrace is refused COMMAND does not run, and the message has the fix" {
	needs_program refuse
	run --separate-stderr "$PROGRAMS/refuse" ptrace=EPERM "$PTWRAP" touch ran
	same status 125 "$status"
	same 'number of lines' 1 "${#stderr_lines[@]}"
	[[ $stderr == 'ptwrap: ptrace is not permitted: '*SYS_PTRACE* ]]
	[ ! -e ran ]
}

@test "where seccomp is refused COMMAND does not run, and the message names the level that works" {
	needs_program refuse
	run -125 --separate-stderr "$PROGRAMS/refuse" seccomp=EINVAL "$PTWRAP" touch ran
	same 'number of lines' 1 "${#stderr_lines[@]}"
	[[ $stderr == 'ptwrap: '*seccomp*'--level exec'* && ! -e ran ]]
	run -0 "$PROGRAMS/refuse" seccomp=EINVAL "$PTWRAP" -q -l exec touch ran
	[ -e ran ]
}

@test "a small stack, few descriptors and little memory are no death" {
	local limit native
	for limit in '-s 16' '-s 32' '-s 64' '-n 8' '-n 12' '-n 18' '-v 8000' '-v 12000' '-v 20000' '-v 40000'; do
		[[ ${MODE:-} != asan || $limit != -[vs]* ]] || continue
		native=0
		env -i sh -c "ulimit $limit; exec sh -c 'exit 3'" || native=$?
		run --separate-stderr timeout 60 env -i PATH="$PATH" PTWRAP="$PTWRAP" sh -c \
			"ulimit $limit; exec \"\$PTWRAP\" -q -o run.json sh -c 'exit 3'"
		[[ $status -eq 125 && $limit != -s* && $stderr == 'ptwrap: '*': '* ]] || same "status with $limit" "$native" "$status"
		[ "$status" -ne 3 ] || report_is '.exit.code == 3'
	done
}

@test "a limit on file sizes is an error that is told, not a death" {
	run bash -c 'ulimit -f 0; "$PTWRAP" -q -o run.json true 2>&1 | cat; exit "${PIPESTATUS[0]}"'
	same status 125 "$status"
	[[ $output == 'ptwrap: '*': File too large'* ]] || same message 'File too large' "$output"
}

@test "where the user may have no more processes COMMAND does not run, and the message says so" {
	needs_root
	needs setpriv
	chmod 777 .
	run -125 --separate-stderr setpriv --reuid 65533 --clear-groups bash -c 'ulimit -u 1; exec "$PTWRAP" -q -o run.json touch ran'
	[[ $stderr == 'ptwrap: '*'Resource temporarily unavailable'* ]]
	[ ! -e ran ]
}
