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

@test "README.md: its first command builds ptwrap and audits the example" {
	local command
	command=$(awk '/^```sh$/ { getline; sub(/ +#.*/, ""); print; exit }' "$TOP/README.md")
	tar -C "$TOP" -c --exclude='*/build' Makefile README.md include launcher shim tests examples | tar -x
	mkdir build
	[ ! -e "$TOP/build/release" ] || cp -a "$TOP/build/release" build # what is built already need not be once more
	run -0 env -u MODE -u MAKEFLAGS -u MFLAGS -u MAKELEVEL sh -c "$command"
	[[ $output == *"ptwrap: make -C examples/hello-project -j2 test: exit status 0 after "*'written: demo.json, demo.txt' ]]
	jq -e '.exit.code == 0 and .coverage.complete' demo.json
	[ -s demo.txt ]
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

@test "the manual's chapter on policies can be followed from top to bottom" {
	hello_project p
	cd p
	"$PTWRAP" --man | sed -n '/^[.]SH POLICY/,/^[.]SH EXIT/p' | sed 's/\\-/-/g; s/\\(aq/'"'"'/g' >chapter
	awk '/^[.]fi/ { on = 0; n++ } on { print >"block" n } /^[.]nf/ { on = 1; n += 0 }' chapter
	mv block0 ci.policy
	PATH=$(dirname "$PTWRAP"):$PATH run -0 --separate-stderr bash -e block1
	[ "${lines[0]}" = 'ci.policy: well-formed' ]
	[ "${lines[4]}" = 'write /etc/passwd: deny EPERM, by ci.policy:4: deny  write    /**' ]
	[ "${lines[5]}" = 'for /usr/bin/npm net 10.1.2.3:443: allow, by ci.policy:9: for /usr/bin/npm  allow net  10.1.2.3:443' ]
	[[ "$stderr" != *denied* ]]
	PATH=$(dirname "$PTWRAP"):$PATH run -0 --separate-stderr bash -e block2
	[[ "$stderr" != *denied* ]]
	[ ! -e block3 ]
	away=/var/tmp/ptwrap-test-$$ # the tests' own HOME may be below /tmp
	run -3 "$PTWRAP" -q -P ci.policy --error-exitcode 3 sh -c 'echo x >"$0"; curl; :' "$away"
	run ! rm "$away"
	run ! "$PTWRAP" -q -P build.policy touch another
}

@test "examples/no-network.policy: a build passes, and reaches no network" {
	needs python3
	hello_project p
	audit -P "$TOP/examples/no-network.policy" make -s -C p -j2 test
	same status 0 "$status"
	report_is '.violations == []'
	reach='import socket, sys; print(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex((sys.argv[1], 9)))'
	same 'the machine itself' 0 "$("$PTWRAP" -q -P "$TOP/examples/no-network.policy" python3 -c "$reach" 127.0.0.1)"
	audit -P "$TOP/examples/no-network.policy" python3 -c "$reach" 192.0.2.1
	same 'the network' 1 "$output" # EPERM
}

@test "examples/own-tree.policy: a build passes, and writes to its own tree only" {
	hello_project p
	mkdir p/.git tmp
	export TMPDIR=$PWD/tmp
	cd p
	audit -P "$TOP/examples/own-tree.policy" make -s -j2 test
	same status 0 "$status"
	report_is '.violations == []'
	for away in ../away "$HOME/away-$$" .git/config; do
		run ! "$PTWRAP" -q -P "$TOP/examples/own-tree.policy" sh -c 'echo x >"$0"' "$away"
		[ ! -e "$away" ]
	done
}

# An installer: fetches a package from the registry, unpacks it and runs its script, then a command of its by a shell.
installer() {
	cat >installer <<-'EOF'
		#!/bin/bash
		exec 3<>"/dev/tcp/${REGISTRY/://}" || exit 10
		printf 'GET /package HTTP/1.0\r\n\r\n' >&3
		mkdir -p node_modules/package
		sed '1,/^\r$/d' <&3 >node_modules/package/install && chmod 755 node_modules/package/install
		"$PWD/node_modules/package/install"; echo "its script: $?"
		sh -c 'bash node_modules/package/install'; echo "its command: $?"
		(exec 3<>"/dev/tcp/127.0.0.2/${REGISTRY#*:}"); echo "another address: $?"
	EOF
	chmod 755 installer
	mkdir registry
	printf '#!/bin/bash\nexec 3<>"/dev/tcp/${REGISTRY/://}"\n' >registry/package
}

@test "examples/install.policy: the installer talks to the registry alone, the packages' scripts to nobody" {
	needs python3
	installer
	python3 -u -m http.server -d registry 0 >port 2>/dev/null 3>&- &
	until grep -q 'port [0-9]' port; do :; done
	export REGISTRY INSTALLER=$PWD/installer
	REGISTRY=127.0.0.1:$(grep -o 'port [0-9]*' port | cut -d ' ' -f 2)
	run -0 ./installer
	same 'without rules' "$(printf '%s: 0\n' 'its script' 'its command' 'another address')" "$output"
	audit -P "$TOP/examples/install.policy" ./installer
	kill $!
	same 'with them' "$(printf '%s: 1\n' 'its script' 'its command' 'another address')" "$output"
	report_is '[.violations[].subject] | length == 3 and all(startswith("net 127.0.0."))'
}

@test "examples/locked-step.sh: learns a step, then holds it to that, with the same programs" {
	hello_project p
	cp "$PROGRAMS/misdeeds" tool
	cd p
	step() { PTWRAP=$PTWRAP "$TOP/examples/locked-step.sh" "$BATS_TEST_TMPDIR/step.policy" "$@" 2>&1; }
	run -0 step sh -c 'make -s && ../tool / none'
	grep -q '^allow exec     sha256:' ../step.policy
	make -s clean
	run -0 step sh -c 'make -s && ../tool / none'
	run -3 step sh -c 'make -s; echo x >../away; :'
	[ ! -e ../away ]
	printf x >>../tool
	run ! step sh -c 'make -s && ../tool / none'
	run -5 step sh -c 'exit 5'
}
