#!/usr/bin/env python3
"""Turns the measurements of tests/bench/run.sh into the tables that `make bench` prints, and holds them to the goals.

Reads a file of tab-separated lines: "machine FACT TEXT", "run ROW COLUMN OPERATIONS TIME_NS CPU_NS STATUS" and
"skip ROW REASON". A number is the median of its rounds. A run that failed is named, never averaged in.
"""
import statistics
import sys

COLUMNS = {
    "native": "native",
    "strace": "strace -f",
    "strace-bpf": "strace --seccomp-bpf",
    "audit": "audit",
    "policy": "audit, 200 rules",
    "all": "all",
    "kernel-audit": "--no-shim audit",
    "kernel-all": "--no-shim all",
}
ROWS = {
    "getppid": "getppid",
    "read": "read 1 byte",
    "stat": "stat",
    "open": "open + close",
    "spawn": "spawn /bin/true",
    "fork": "fork + exit",
    "configure": "dash ./configure",
    "make": "lua make -j2",
    "threads": "getppid, 2 threads",
    "static": "getppid, static",
}
# Row, column, at most so many times native.
GOALS = [
    ("getppid", "audit", 1.3), ("getppid", "all", 1.5),
    ("read", "audit", 1.3), ("read", "all", 1.4),
    ("stat", "audit", 1.10), ("stat", "all", 1.10),
    ("open", "audit", 1.10), ("open", "all", 1.10),
    ("spawn", "audit", 1.40), ("spawn", "all", 1.50),
    ("fork", "audit", 1.5), ("fork", "all", 1.6),
    ("configure", "audit", 1.12), ("configure", "all", 1.20),
    ("make", "audit", 1.03), ("make", "all", 1.05),
    ("static", "audit", 1.3),
]
# Row and column, at most so many times another row's or column's ratio.
RELATIVE_GOALS = [
    (("threads", "audit"), ("getppid", "audit"), 1.3),
    (("threads", "all"), ("getppid", "all"), 1.3),
    (("static", "all"), ("static", "strace"), 0.75),
    (("configure", "policy"), ("configure", "audit"), 1.10),
    (("make", "policy"), ("make", "audit"), 1.10),
    (("configure", "kernel-audit"), ("configure", "strace-bpf"), 0.75),
]
NOTES = """\
Medians of {rounds} alternating rounds; every column but native and strace's records to a file (-o run.ptw). Time is that of
the loop for rows of single operations, of the whole command for builds; with two threads, for an operation of each of them.
CPU is of all processes together, tracer, start-up and reports included. strace --seccomp-bpf traces the calls that level
audit always traces; those it traces only with certain arguments (fcntl, mmap, mprotect, prctl, sendto) are left out, in
strace's favour."""


def read_results(path):
    machine, runs, skipped, failed = {}, {}, {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, key, *rest = line.rstrip("\n").split("\t")
            if kind == "machine":
                machine[key] = rest[0]
            elif kind == "skip":
                skipped[key] = rest[0]
            else:
                column, operations, time_ns, cpu_ns, status = rest[0], *map(int, rest[1:])
                if status:
                    failed[key, column] = status
                else:
                    runs.setdefault((key, column), []).append((time_ns / operations, cpu_ns / operations))
    return machine, runs, skipped, failed


def medians(runs, index):
    return {key: statistics.median(run[index] for run in values) for key, values in runs.items()}


def format_ns(value, sign=""):
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if abs(value) >= size:
            return f"{value / size:{sign}.2f} {unit}"
    return f"{value / 1e3:{sign}.2f} µs"


def print_lines(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |")
    print()


def print_tables(time_ns, cpu_ns, failed):
    rows = [row for row in ROWS if (row, "native") in time_ns]
    columns = [column for column in COLUMNS if any((row, column) in time_ns or (row, column) in failed for row in rows)]

    def table(title, values, show):
        def cell(row, column):
            if (row, column) in failed:
                return f"failed ({failed[row, column]})"
            return show(values[row, column], values[row, "native"]) if (row, column) in values else "-"
        print_lines([[title] + [COLUMNS[column] for column in columns]] +
                    [[ROWS[row]] + [cell(row, column) for column in columns] for row in rows])

    table("times native", time_ns, lambda value, native: f"{value / native:.2f}")
    table("time added an operation", time_ns,
          lambda value, native: format_ns(value) if value == native else format_ns(value - native, "+"))
    table("CPU an operation", cpu_ns, lambda value, native: format_ns(value))


def ratios(time_ns):
    return {(row, column): value / time_ns[row, "native"] for (row, column), value in time_ns.items()
            if (row, "native") in time_ns}


def judged(what, measured, goal):
    return [what, f"{measured:.2f}", f"{goal:.2f}", "met" if measured <= goal else "missed"]


def print_verdicts(ratio):
    lines = [judged(f"{ROWS[row]}: {COLUMNS[column]}", ratio[row, column], goal)
             for row, column, goal in GOALS if (row, column) in ratio]
    for this, other, goal in RELATIVE_GOALS:
        if this in ratio and other in ratio:
            difference = COLUMNS[other[1]] if this[0] == other[0] else ROWS[other[0]]
            lines.append(judged(f"{ROWS[this[0]]}: {COLUMNS[this[1]]}, times {difference}", ratio[this] / ratio[other], goal))
    if lines:
        print_lines([["goal", "measured", "at most", ""]] + lines)


def main():
    machine, runs, skipped, failed = read_results(sys.argv[1])
    time_ns = medians(runs, 0)
    print("; ".join(f"{fact} {text}" for fact, text in machine.items()) + "\n")
    print_tables(time_ns, medians(runs, 1), failed)
    print_verdicts(ratios(time_ns))
    for row, reason in skipped.items():
        print(f"{ROWS[row]}: skipped: {reason}")
    print(NOTES.format(rounds=max(map(len, runs.values()), default=0)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
