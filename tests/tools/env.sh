# shellcheck shell=sh
# To be sourced from the top of the tree: tools that were fetched come before the machine's, and messages are in one language.
PATH=$PWD/build/tools/bin:$PATH
LC_ALL=C.UTF-8
export PATH LC_ALL
