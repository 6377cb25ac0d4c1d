# The examples do what they say. One test each.

load helper

@test "examples/hello-project: the whole build is in the report, and comes out as without ptwrap" {
	hello_project bare
	cp -r bare wrapped
	make -s -C bare -j2 test
	audit make -s -C wrapped -j2 test
	[ "$status" -eq 0 ]
	same 'the program' "$(sha256sum <bare/build/libgreet.a)" "$(sha256sum <wrapped/build/libgreet.a)"
	file_has "$PWD/wrapped/build/version.h.new" write
	file_has "$PWD/wrapped/build/hello" exec
	report_is '[.files[] | select(.path | test("/wrapped/(lib|app|tests)/[^/]*[.]c$"))] | length == 10 and all(.[]; .readers != [])'
	report_is '.coverage.complete'
}

@test "examples/ci-step.sh: keeps the step's status and leaves its reports" {
	PTWRAP=$PTWRAP REPORTS=reports run -7 "$TOP/examples/ci-step.sh" sh -c 'echo step >out; exit 7'
	[ "$(cat out)" = step ]
	jq -e '.exit.code == 7' reports/step.json
	[ -s reports/step.txt ]
	"$PTWRAP" --read reports/step.ptw -o again.json
	cmp again.json reports/step.json
}

@test "examples/ci-step.sh: fails a step that talks to a host which is not on its list" {
	needs python3
	talk='import socket; s = socket.socket(); s.connect_ex(("127.0.0.1", 9))'
	PTWRAP=$PTWRAP REPORTS=r1 ALLOWED_NET='127[.].*' run -0 "$TOP/examples/ci-step.sh" python3 -c "$talk"
	PTWRAP=$PTWRAP REPORTS=r2 ALLOWED_NET='10[.].*' run -3 "$TOP/examples/ci-step.sh" python3 -c "$talk"
	[[ $output == *127.0.0.1* ]]
}

@test "examples/questions.sh: answers each of its questions" {
	hello_project p
	audit sh -c 'make -s -C p -j2 test; exec false'
	ask() { "$TOP/examples/questions.sh" run.json "$@"; }
	ask programs | grep -q '/make$'
	ask who-wrote "$PWD/p/build/version.h.new" | grep -q 'scripts/make-version.sh'
	ask peers
	ask slowest | head -n 1 | grep -q ' ms'
	ask missing | grep -q /
	ask inputs | grep -qx "$PWD/p/VERSION"
	ask failures | grep -q false
	ask blind-spots | grep -qx complete
}

@test "examples/questions.md: each command in it runs" {
	audit sh -c 'cat /etc/passwd >copy; cat nothing; true'
	awk '/^```sh/ { on = 1; next } /^```/ { if (on) print "echo ---"; on = 0 } on' "$TOP/examples/questions.md" >all.sh
	bash -e all.sh >answers
	[ "$(grep -c -- --- answers)" -eq 8 ]
}
