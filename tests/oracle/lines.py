"""Prints what `strace -f -ttt -T -y -o FILE` wrote without what differs from run to run: sorted lines, each call whole.

Tasks are P0, P1, ... in the order of their first lines; times, addresses, inode numbers and random bytes are letters.
"""

import re
import sys

LINE = re.compile(r"(\d+) +\d+\.\d{6} (.*)", re.S)
UNFINISHED = re.compile(r"(.*?) ?<unfinished \.\.\.>", re.S)
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.S)
VARYING = (
    (re.compile(r"<\d+\.\d{6}>$"), "<T>"),
    (re.compile(r"0x[0-9a-f]{6,}"), "A"),
    (re.compile(r"(pipe|socket):\[\d+\]|#\d+"), "I"),
    (re.compile(r"(si_[us]time=)\d+( /\* [0-9.]+ s \*/)?"), r"\1T"),
    (re.compile(r"(f_(?:blocks|bfree|bavail|files|ffree)=)\d+"), r"\1N"),
    (re.compile(r'^getrandom\("[^"]*"'), 'getrandom("R"'),
    (re.compile(r"^(getppid\(\) *= )\d+"), r"\1PARENT"),
    (re.compile(r" +(?=[,)=])| +$"), ""),
)


def whole_lines(log):
    """(pid, text) with what strace cut in two joined again."""
    pending = {}
    for number, line in enumerate(log, 1):
        match = LINE.fullmatch(line.rstrip("\n"))
        if not match:
            raise ValueError(f"line {number}: {line!r}")
        pid, text = match.groups()
        if cut := UNFINISHED.fullmatch(text):
            pending[pid] = cut.group(1)
        elif resumed := RESUMED.fullmatch(text):
            yield pid, pending.pop(pid) + resumed.group(1)
        else:
            yield pid, text


def main():
    with open(sys.argv[1], encoding="latin-1", newline="\n") as log:
        lines = list(whole_lines(log))
    names = {}
    for pid, _ in lines:
        names.setdefault(pid, f"P{len(names)}")
    for pid, text in sorted(lines):
        for pattern, instead in VARYING:
            text = pattern.sub(instead, text)
        text = re.sub(r"\b\d+\b", lambda number: names.get(number.group(), number.group()), text)
        print(names[pid], text)


main()
