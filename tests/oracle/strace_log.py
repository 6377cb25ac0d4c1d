"""Reads what `strace -f -y -o FILE` wrote: whole calls, in the order in which they returned.

Owns the syntax of strace's lines and nothing of their meaning. Never guesses: a line that it cannot
read is an error, not a call less.
"""

import os
import re

LINE = re.compile(r"(\d+) +(.*)", re.S)
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.S)
CALL = re.compile(r"(\w+)\(")
UNFINISHED = re.compile(r"(.*) <(?:unfinished|pid changed to (\d+)) \.\.\.>", re.S)
SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid (\d+) \+\+\+")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?'      # a string
                   r"|(?<=[0-9D])<[^<>]*>(?:\(deleted\))?"  # what a descriptor leads to
                   r"|/\*.*?\*/"
                   r"|[\[\]{}(),]"
                   r'|[^"\[\]{}(),/<]+|.', re.S)
ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", re.S)
NAMED = {"n": 10, "t": 9, "r": 13, "v": 11, "f": 12, "a": 7, "b": 8}
RETURN = re.compile(r"\s*= (-?\d+|\?|0x[0-9a-f]+)(?:<([^<>]*)>(?:\(deleted\))?)?(?: (E[A-Z0-9]+))?")
DESCRIPTOR = re.compile(r"(AT_FDCWD|-?\d+)(?:<([^<>]*)>)?")


def unescape(text):
    """strace's escapes, to the str that os.fsencode turns into the bytes."""
    def one(match):
        word = match.group(1)
        if word[0] == "x" and len(word) == 3:
            return chr(int(word[1:], 16))
        if word[0] in "01234567":
            return chr(int(word, 8))
        return chr(NAMED.get(word, ord(word)))
    return os.fsdecode(ESCAPE.sub(one, text).encode("latin-1"))


class Call:
    """One call: name, args (texts), ret (int, None where it never returned), ret_path, errno; pid; children of a
    fork may have lines before the fork returns, so `line` numbers where it was entered."""

    __slots__ = ("pid", "name", "args", "ret", "ret_path", "errno", "line")

    def __init__(self, pid, text, line):
        self.pid, self.line = pid, line
        self.name = CALL.match(text).group(1)
        self.args, end = split_args(text, len(self.name) + 1)
        result = RETURN.match(text, end)
        if not result:
            raise ValueError(f"line {line}: no result: {text[:300]!r}")
        number, path, self.errno = result.groups()
        self.ret = None if number == "?" else int(number, 0)
        self.ret_path = unescape(path) if path is not None else None

    def string(self, index):
        """Argument `index` if it is a whole string, else None (NULL, an address)."""
        text = self.args[index] if index < len(self.args) else ""
        if not text.startswith('"'):
            return None
        if not text.endswith('"'):
            raise ValueError(f"line {self.line}: strace cut a string")
        return unescape(text[1:-1])

    def strings(self, index):
        """Argument `index` as a list of strings; None if it is not one."""
        text = self.args[index]
        if not text.startswith("["):
            return None
        return [unescape(word[1:-1]) for word in TOKEN.findall(text) if word.startswith('"')]

    def directory(self, index):
        """The directory that argument `index` stands for, as -y has it; None if unknown."""
        match = DESCRIPTOR.match(self.args[index])
        return unescape(match.group(2)) if match and match.group(2) is not None else None

    def flags(self, index):
        return set(re.findall(r"[A-Z][A-Z0-9_]+", self.args[index])) if index < len(self.args) else set()


def split_args(text, start):
    """The arguments between the parenthesis before `start` and the one that closes it, and where that ends."""
    args, word, depth, position = [], "", 0, start
    for token in TOKEN.finditer(text, start):
        part, position = token.group(), token.end()
        if part in "([{":
            depth += 1
        elif part in ")]}":
            if depth == 0:
                break
            depth -= 1
        elif part == "," and depth == 0:
            args.append(word.strip())
            word = ""
            continue
        word += part
    else:
        raise ValueError(f"call without an end: {text[:300]!r}")
    if word.strip() or args:
        args.append(word.strip())
    return args, position


class Born:
    """A task appears: its first line, or the return of the call that made it, whichever comes first."""

    def __init__(self, pid):
        self.pid = pid


class Died(Born):
    pass


def read(path):
    """Yields Call, Born and Died in order."""
    pending, alive, heir = {}, set(), {}
    with open(path, encoding="latin-1", newline="\n") as log:
        for number, raw in enumerate(log, 1):
            match = LINE.match(raw.rstrip("\n"))
            if not match:
                raise ValueError(f"line {number}: {raw[:200]!r}")
            pid, text = int(match.group(1)), match.group(2)
            if pid not in alive:
                alive.add(pid)
                yield Born(pid)
            if text.startswith("+++"):
                if other := SUPERSEDED.match(text):
                    heir[pid] = int(other.group(1))
                    alive.discard(heir[pid])
                else:
                    alive.discard(pid)
                    yield Died(pid)
            elif text.startswith("---"):
                pass
            elif cut := UNFINISHED.fullmatch(text):
                pending[pid] = (cut.group(1), number)
            elif resumed := RESUMED.match(text):
                yield resume(pid, resumed, pending, heir.pop(pid, None))
            elif CALL.match(text):
                yield Call(pid, text, number)
            else:
                raise ValueError(f"line {number}: {raw[:200]!r}")


def resume(pid, resumed, pending, caller):
    """The call that `pid` comes back from. `caller`: the thread whose execve made it the leader; that execve has
    succeeded, whatever result strace 6.1 makes of the changed pid."""
    head, number = pending.pop(pid if caller is None else caller, (None, 0))
    if head is None:
        raise ValueError(f"{pid} resumed what was never begun: {resumed.group(2)[:200]!r}")
    tail = resumed.group(2) if caller is None else ") = 0"
    return Call(pid, head + tail, number)
