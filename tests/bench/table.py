#!/usr/bin/env python3
"""Turns the measurements of tests/bench/run.sh into the tables that `make bench` prints.

Reads a file of tab-separated lines: "run ROW COLUMN OPERATIONS TIME_NS CPU_NS STATUS" and "skip ROW REASON". A number is
the median of its rounds. Only judges what was measured: a run that failed is named, never averaged in.
"""
import statistics
import sys

GOAL = 0.75
COLUMNS = {
    "native": "native",
    "strace": "strace -f",
    "strace-bpf": "strace --seccomp-bpf",
    "ptwrap-kernel": "ptwrap --no-shim",
    "ptwrap-all": "ptwrap -l all --no-shim",
    "ptwrap": "ptwrap",
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
}
NOTES = """\
Medians of {rounds} alternating rounds. Time is that of the loop for the first six rows, of the whole command for builds;
CPU is of all processes, tracer and reports included. strace --seccomp-bpf traces the calls that level audit always
traces; those it traces only with certain arguments (fcntl, mmap, mprotect, prctl, sendto) are left out, in strace's favour."""


def read_results(path):
    runs, skipped, failed = {}, {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, row, *rest = line.rstrip("\n").split("\t")
            if kind == "skip":
                skipped[row] = rest[0]
                continue
            column, operations, time_ns, cpu_ns, status = rest[0], *map(int, rest[1:])
            if status:
                failed[row, column] = status
            else:
                runs.setdefault((row, column), []).append((time_ns / operations, cpu_ns / operations))
    return runs, skipped, failed


def medians(runs, index):
    return {key: statistics.median(run[index] for run in values) for key, values in runs.items()}


def format_ns(value):
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if abs(value) >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value / 1e3:.2f} µs"


def print_table(title, rows, columns, cell):
    lines = [[title] + [COLUMNS[column] for column in columns]]
    lines += [[ROWS[row]] + [cell(row, column) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |")
    print()


def print_tables(time_ns, cpu_ns, failed):
    rows = [row for row in ROWS if (row, "native") in time_ns]
    columns = [column for column in COLUMNS if any((row, column) in time_ns or (row, column) in failed for row in rows)]

    def cell(values, show):
        def text(row, column):
            if (row, column) in failed:
                return f"failed ({failed[row, column]})"
            return show(values[row, column], values[row, "native"]) if (row, column) in values else "-"
        return text

    print_table("times native", rows, columns, cell(time_ns, lambda value, native: f"{value / native:.2f}"))
    print_table("time added an operation", rows, columns,
                cell(time_ns, lambda value, native: format_ns(value - native)))
    print_table("native time an operation", rows, ["native"], cell(time_ns, lambda value, native: format_ns(value)))
    print_table("CPU of all processes an operation", rows, columns, cell(cpu_ns, lambda value, native: format_ns(value)))


def print_verdict(time_ns):
    ours, theirs = (time_ns.get(("configure", column)) for column in ("ptwrap-kernel", "strace-bpf"))
    if not ours or not theirs:
        print("kernel view, default level, dash ./configure: not measured")
        return
    ratio = ours / theirs
    print(f"kernel view, default level, dash ./configure: ptwrap/strace --seccomp-bpf ratio = {ratio:.2f} "
          f"(goal {GOAL}: {'met' if ratio <= GOAL else 'missed'})")


def main():
    runs, skipped, failed = read_results(sys.argv[1])
    time_ns = medians(runs, 0)
    print_tables(time_ns, medians(runs, 1), failed)
    for row, reason in skipped.items():
        print(f"{ROWS[row]}: skipped: {reason}")
    print(NOTES.format(rounds=max(map(len, runs.values()), default=0)))
    print_verdict(time_ns)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
