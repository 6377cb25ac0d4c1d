#!/usr/bin/env python3
"""Is ptwrap's report of a real build right? One build, run natively twice, under strace and under ptwrap at each level asked
for, each time in a fresh copy of its sources at the same path; then what strace saw and what ptwrap reports are compared as
sets, and what the wrapped build made and printed is compared, byte by byte, with what the native ones made and printed.

Prints one line a kind: `read: strace N, ptwrap N, missing N, invented N`. Exits 1 on any difference.
"""

import argparse
import collections
import hashlib
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import facts  # noqa: E402

SHOWN = 8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ptwrap", default="./ptwrap")
    parser.add_argument("--source", required=True, help="folder with the sources; left alone")
    parser.add_argument("--name", required=True)
    parser.add_argument("--work", help="where to build (default: build/oracle/NAME)")
    parser.add_argument("--level", action="append", help="of ptwrap (audit); may be given again")
    parser.add_argument("--option", action="append", default=[], help="one more option for ptwrap")
    parser.add_argument("--self-test", action="store_true", help="compare strace with strace: must find nothing")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


class Bench:
    """One folder in which the same build is run again and again from the same start."""

    def __init__(self, options):
        self.source, self.name = os.path.abspath(options.source), options.name
        self.command = options.command
        self.work = os.path.realpath(options.work or os.path.join("build", "oracle", self.name))
        self.tree = os.path.join(self.work, "src")
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": "1", "TERM": "dumb",
            "HOME": os.path.join(self.work, "home"), "TMPDIR": os.path.join(self.work, "tmp")}

    def run(self, label, prefix):
        """A build from a fresh copy. Its status, what it made, and the paths that were there before."""
        for folder in ("src", "home", "tmp"):
            shutil.rmtree(os.path.join(self.work, folder), ignore_errors=True)
        shutil.copytree(self.source, self.tree, symlinks=True)
        os.makedirs(self.environment["HOME"])
        os.makedirs(self.environment["TMPDIR"])
        initial = {path: os.path.isdir(path) and not os.path.islink(path) for path in paths_below(self.tree)}
        started = int(time.time())
        with open(os.path.join(self.work, label + ".out"), "wb") as out:
            begun = time.monotonic()
            done = subprocess.run(prefix + self.command, cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=subprocess.STDOUT, check=False)
        print(f"{self.name}: {label}: status {done.returncode}, {time.monotonic() - begun:.1f} s", flush=True)
        return done.returncode, digests(self.tree), initial, started

    def output(self, label):
        with open(os.path.join(self.work, label + ".out"), "rb") as file:
            return file.read()

    def strace(self, label):
        log = os.path.join(self.work, label + ".strace")
        program = shutil.which("strace") or sys.exit("compare.py: strace: not found")
        status, made, initial, started = self.run(label, [
            program, "-f", "-y", "-s", "1000000", "--seccomp-bpf", "-e", "signal=none", "-e", "trace=" + facts.TRACED, "-o", log])
        return status, made, facts.StraceFacts(log, self.tree, initial, started).sets

    def ptwrap(self, label, program, options):
        report = os.path.join(self.work, label + ".json")
        status, made, _, _ = self.run(label, [os.path.abspath(program), "-q", "-o", report, *options, "--"])
        sets, document = facts.from_report(report)
        return status, made, sets, document


def paths_below(top):
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            yield os.path.join(folder, name)


def digests(top):
    """What stands below top: mode and contents of each file, target of each link."""
    result = {}
    for path in paths_below(top):
        name = os.path.relpath(path, top)
        if os.path.islink(path):
            result[name] = "-> " + os.readlink(path)
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                result[name] = f"{os.stat(path).st_mode:o} " + hashlib.sha256(file.read()).hexdigest()
        else:
            result[name] = f"{os.lstat(path).st_mode:o}"
    return result


def show(title, values):
    for value in sorted(values, key=repr)[:SHOWN]:
        print(f"    {title}: {value!r}"[:600])
    if len(values) > SHOWN:
        print(f"    {title}: and {len(values) - SHOWN} more")


def compare_sets(name, left, right, right_name):
    differences = 0
    for kind in facts.KINDS:
        missing, invented = left[kind] - right[kind], right[kind] - left[kind]
        print(f"{name}: {kind}: strace {len(left[kind])}, {right_name} {len(right[kind])}, "
              f"missing {len(missing)}, invented {len(invented)}")
        show("missing", missing)
        show("invented", invented)
        differences += len(missing) + len(invented)
    return differences


def compare_products(name, native, wrapped):
    """Only names and contents in which the two native builds agree can be asked of the wrapped one."""
    first, second = native
    agreed = {path: value for path, value in first.items() if second.get(path) == value}
    wrong = {path for path, value in agreed.items() if wrapped.get(path) != value}
    known = {facts.stable("/" + path) for path in (*first, *second)}
    extra = {path for path in wrapped if facts.stable("/" + path) not in known}
    print(f"{name}: products: {len(agreed)} agree natively, {len(wrong)} differ, {len(extra)} are extra, "
          f"{len(set(first) | set(second)) - len(agreed)} not comparable")
    show("differs", wrong)
    show("extra", extra)
    return len(wrong) + len(extra)


def compare_outputs(name, bench, label):
    """What the build printed. A parallel build's lines come in any order: then the lines are compared."""
    first, second, wrapped = (bench.output(run) for run in ("native-1", "native-2", label))
    if first == second == wrapped:
        differences, how = 0, "byte by byte"
    elif first == second and sorted(first.split(b"\n")) == sorted(wrapped.split(b"\n")):
        differences, how = 0, "line by line: a parallel build printed them in another order"
    elif first == second:
        differences, how = 1, "byte by byte"
    else:
        lines, others, theirs = (collections.Counter(text.split(b"\n")) for text in (first, second, wrapped))
        agreed = lines & others
        lost = agreed - theirs
        more = theirs - (lines | others) if lines == others else collections.Counter()
        differences, how = sum(lost.values()) + sum(more.values()), f"{sum(agreed.values())} lines in which the native ones agree"
        show("output lost", lost)
        show("output added", more)
    print(f"{name}: output: {len(wrapped)} bytes, compared {how}, {differences} differences")
    return differences


def compare(bench, label, natives, expected, run):
    """How many differences there are between the native runs, what strace saw, and that run, the name of which is label."""
    status, made, found, document = run
    name = bench.name
    differences = compare_sets(name, expected[2], found, label)
    differences += compare_products(name, [native[1] for native in natives], made)
    differences += compare_outputs(name, bench, label)
    if len({expected[0], status, natives[0][0]}) != 1:
        print(f"{name}: status: native {natives[0][0]}, strace {expected[0]}, {label} {status}")
        differences += 1
    if document and not document["coverage"]["complete"]:
        print(f"{name}: the report says that it is not complete: {document['coverage']['notes'][:4]}")
        differences += 1
    print(f"{name}: {label}: {differences} differences", flush=True)
    return differences


def main():
    options = arguments()
    bench = Bench(options)
    natives = [bench.run(f"native-{n}", []) for n in (1, 2)]
    expected = bench.strace("strace")
    if options.self_test:
        differences = compare(bench, "strace-2", natives, expected, (*bench.strace("strace-2"), None))
    else:
        differences = 0
        for level in options.level or ["audit"]:
            label = "ptwrap-" + level
            run = bench.ptwrap(label, options.ptwrap, ["--level", level, *options.option])
            differences += compare(bench, label, natives, expected, run)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
