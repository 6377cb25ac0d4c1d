#!/bin/sh
# make-version.sh VERSION-FILE HEADER: the version as a header; the header is put in place whole.
set -eu
version=$(cat "$1")
cat >"$2.new" <<END
#ifndef VERSION_H
#define VERSION_H
#define HELLO_VERSION "$version"
#define HELLO_MAJOR $(echo "$version" | cut -d. -f1)
#endif
END
mv "$2.new" "$2"
