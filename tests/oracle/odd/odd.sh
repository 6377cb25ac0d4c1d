#!/bin/sh
mkdir -p real/inner 'a <b> "c"'
ln -s real/inner link
echo one >real/one
cat link/../one >link/two           # real/one, by way of the link
cat link/../../real/./one >/dev/null
cat link/none/../nothing link/../none/../nothing none/../nothing 2>/dev/null
rm link
mkdir link && cat link 2>/dev/null
rmdir link
echo x >new && mv new link && cat link >/dev/null
rm link
cat "$(printf 'no\nsuch\377file')" 2>/dev/null
echo x >"$(printf 'a <b> "c"/new\nline\377')"
mv real moved
cat moved/inner/two >moved/three
(cd moved/inner && cat ../three ../../odd.sh >/dev/null && rm ../three && cat ../three 2>/dev/null)
echo again >>moved/one
: >moved/one
set -C
echo new >exclusive
ln exclusive hard
mv hard exclusive2
rm -r 'a <b> "c"'
nosuchcommand-at-all 2>/dev/null
./odd.sh 2>/dev/null
test -e moved/nowhere/../one
test -e odd.sh/file
mkdir away && cd away && rmdir ../away && cat relative 2>/dev/null
true
