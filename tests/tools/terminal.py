#!/usr/bin/env python3
"""terminal.py COMMAND [ARG]... <STEPS: runs COMMAND on a terminal of its own and plays STEPS to it, a line each:

  send TEXT      types TEXT; \\r, \\n, \\xHH as in Python
  expect REGEX   waits until it shows; prints "REGEX: GROUP..." with what its groups matched
  reads NAME     waits until a process of that name waits for the terminal
  hangup         closes the terminal

The last line is how COMMAND ended. Nothing else is printed, so that two transcripts can be compared. A step that takes more than 30
seconds fails, with what had been shown."""
import os
import pty
import re
import select
import signal
import sys
import time

LIMIT = float(os.environ.get("LIMIT", 30))


def fail(what, shown):
    print(f"{what}: not within {LIMIT} s; shown since: {shown!r}")
    os._exit(1)


class Terminal:
    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        self.shown = b""
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's is not the command's
            os.environ["TERM"] = "dumb"
            os.execvp(argv[0], argv)

    def read(self, until):
        if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
            return False
        try:
            self.shown += os.read(self.fd, 4096)
        except OSError:
            return False
        return True

    def expect(self, regex):
        until = time.monotonic() + LIMIT
        while not (match := re.search(regex.encode(), self.shown)):
            if not self.read(until):
                fail(f"expect {regex}", self.shown)
        print(": ".join([regex] + [group.decode() for group in match.groups()]))
        self.shown = self.shown[match.end():]

    def reads(self, name):
        until = time.monotonic() + LIMIT
        while not any(is_reading(pid, self.pid, name) for pid in filter(str.isdigit, os.listdir("/proc"))):
            if time.monotonic() > until:
                fail(f"reads {name}", self.shown)
            if select.select([self.fd], [], [], 0.01)[0]:
                self.read(until)

    def end(self):
        until = time.monotonic() + LIMIT
        while self.fd >= 0 and self.read(until):
            pass
        for _ in range(int(LIMIT * 100)):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        return fail("end", self.shown)


def is_reading(pid, session, name):
    try:
        with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/wchan") as wchan:
            before, after = stat.read().rsplit(")", 1)
            sleeps_in = wchan.read()
    except OSError:
        return False
    return before.split("(", 1)[1] == name and int(after.split()[3]) == session and sleeps_in in ("wait_woken", "n_tty_read")


def main():
    steps = sys.stdin.read().splitlines()
    sys.stdout.reconfigure(line_buffering=True)
    terminal = Terminal(sys.argv[1:])
    for step in filter(None, steps):
        verb, _, rest = step.strip().partition(" ")
        if verb == "send":
            os.write(terminal.fd, rest.encode().decode("unicode_escape").encode("latin-1"))
        elif verb == "hangup":
            os.close(terminal.fd)
            terminal.fd = -1
        else:
            getattr(terminal, verb)(rest)
    print("ended", terminal.end())


main()
