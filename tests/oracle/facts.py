"""What a build did to files and programs, as sets that can be compared: once from a strace log, once from ptwrap's JSON.

Both sides use the meaning of words that ptwrap's report gives them. Never looks at the other side to decide anything.
"""

import base64
import collections
import functools
import json
import os
import re
import subprocess

import strace_log

AT = None  # no directory argument: relative to the working directory
# Which arguments are paths: (directory argument, path argument), the one that is looked up first.
PATHS = {name: (AT, 0) for name in """open creat stat lstat access readlink unlink rmdir mkdir mknod chmod chown lchown
    truncate utime utimes statfs chroot chdir execve getxattr lgetxattr setxattr lsetxattr listxattr llistxattr
    removexattr lremovexattr rename link""".split()}
PATHS |= {name: (0, 1) for name in """openat openat2 newfstatat faccessat faccessat2 readlinkat unlinkat mkdirat mknodat
    fchmodat fchmodat2 fchownat utimensat futimesat statx execveat name_to_handle_at renameat renameat2 linkat""".split()}
PATHS |= {"symlink": (AT, 1), "symlinkat": (1, 2), "inotify_add_watch": (AT, 1)}
SECOND = {"rename": (AT, 1), "link": (AT, 1), "renameat": (2, 3), "renameat2": (2, 3), "linkat": (2, 3)}
OPEN_FLAGS = {"open": 1, "openat": 2, "openat2": 2, "creat": None}
CREATE_FLAGS = {"O_WRONLY", "O_CREAT", "O_TRUNC"}
DELETES = {"unlink", "unlinkat", "rmdir"}
NEW_NAMES = {"mkdir": "mkdir", "mkdirat": "mkdir", "symlink": "symlink", "symlinkat": "symlink", "mknod": "create",
             "mknodat": "create", "link": "link", "linkat": "link"}

KINDS = ["exec", "read", "write", "create", "rename", "delete", "mkdir", "link", "symlink", "missing", "list", "stat",
         "chmod", "chown", "truncate", "utime", "xattr", "map", "readers", "writers", "target"]
TRACED = ("%file,fchdir,clone,clone3,fork,vfork,unshare,getdents,getdents64,bind,fchmod,fchown,ftruncate,fgetxattr,"
          "fsetxattr,flistxattr,fremovexattr,mmap")
# What else a success does to the path.
OPS = {name: op for op, names in {
    "stat": "stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat statfs",
    "chmod": "chmod fchmodat fchmodat2", "chown": "chown lchown fchownat", "truncate": "truncate",
    "utime": "utime utimes futimesat utimensat", "xattr": """getxattr lgetxattr setxattr lsetxattr listxattr llistxattr
    removexattr lremovexattr"""}.items() for name in names.split()}
# The same of a descriptor, the first argument.
BY_DESCRIPTOR = {"fchmod": "chmod", "fchown": "chown", "ftruncate": "truncate", "fgetxattr": "xattr",
                 "fsetxattr": "xattr", "flistxattr": "xattr", "fremovexattr": "xattr", "getdents": "list",
                 "getdents64": "list"}
UNNAMED = re.compile(r"/(memfd|SYSV|anon_hugepage|dmabuf)")

# Names that differ from run to run.
UNSTABLE = [
    (re.compile(r"/proc/\d+(?=/|$)"), "/proc/PID"),
    (re.compile(r"(?<=/)cc[A-Za-z0-9]{6}(?=[./]|$)"), "ccXXXXXX"),     # gcc, collect2
    (re.compile(r"(?<=/)(st|sed|Cu|Gm|conf(?!test|ig|ope|init))[A-Za-z0-9]{6}(?=\.[^h]|/|$)"), r"\1XXXXXX"),
    (re.compile(r"(?<=/)(tmp\.|sh-thd[.-])[A-Za-z0-9_]{6,10}(?=[./]|$)"), r"\1XXXXXX"),
    (re.compile(r"(conf|conftest\.?|confdir-?|cf|libtool-|lt-|sh|am)\d{3,}"), r"\1PID"),
    (re.compile(r"(?<=[.-])(\d{3,})(?=\.(tmp|lock|o|c|file|exe|sh)$)"), "PID"),
    (re.compile(r"(?<=\.)\d{4,}$"), "PID"),
    (re.compile(r"(?<=/)(tmp_obj|tmp_pack|tmp_idx|refs|packs)_[A-Za-z0-9]{6}$"), r"\1_XXXXXX"),  # git
    (re.compile(r"(?<=/\.git/)t[A-Za-z0-9]{6}$"), "tXXXXXX"),
    (re.compile(r"(?<=/\.tmp-)\d+"), "PID"),
    (re.compile(r"(?<=/)TryCompile-[A-Za-z0-9]{6}"), "TryCompile-XXXXXX"),  # cmake
    (re.compile(r"cmTC_[0-9a-f]{5}"), "cmTC_XXXXX"),
    (re.compile(r"(?<=\.tmp)[0-9a-f]{5}$"), "XXXXX"),
    (re.compile(r"(?<=/tmp/)(cg|tcl_)[A-Za-z0-9]{6}(?=/|$)"), r"\1XXXXXX"),  # config.guess, tcl
    (re.compile(r"(?<=/tmp/)([A-Za-z]+)\d{3,}(?=/|$)"), r"\1PID"),
]


def stable(text):
    for pattern, name in UNSTABLE:
        text = pattern.sub(name, text)
    return text


CLONES = ("clone", "clone3", "fork", "vfork")


class Links:
    """Where links lead, also of those that the build has deleted since."""

    def __init__(self):
        self.gone = {}
        self.physical = functools.lru_cache(maxsize=None)(self._physical)

    def made(self, path, target):
        """target: None where a name is no link any more."""
        self.gone[path] = target
        self.physical.cache_clear()

    def _physical(self, path):
        if not self.gone:
            return os.path.realpath(path)
        done, rest, hops = "/", path.split("/"), 0
        while rest:
            name = rest.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                done = os.path.dirname(done)
                continue
            here = os.path.join(done, name)
            target = self.gone[here] if here in self.gone else os.readlink(here) if os.path.islink(here) else None
            if target is None or hops > 40:
                done = here
                continue
            hops += 1
            rest = target.split("/") + rest
            done = "/" if target.startswith("/") else done
        return done

    def place(self, path):
        """The name itself, which may be a link, in the folder that holds it."""
        folder, name = os.path.split(path)
        return os.path.join(self.physical(folder), name)

    def absolute(self, base, path):
        """As the report names files: no . and no .., a .. taken after following the links before it."""
        done = [] if path.startswith("/") else [part for part in base.split("/") if part]
        for part in path.split("/"):
            if part == "..":
                done = self.physical("/" + "/".join(done)).split("/")[1:-1]
            elif part not in ("", "."):
                done.append(part)
        return "/" + "/".join(done)


class Presence:
    """Was a file there? From what the build did so far, else from the tree as it was, else from the birth of the file."""

    def __init__(self, top, initial, started):
        self.top, self.initial, self.started, self.known = top + "/", initial, started, {}

    def __getitem__(self, path):
        if path in self.known:
            return self.known[path]
        if path.startswith(self.top):
            return path in self.initial
        born = subprocess.run(["stat", "-c", "%W", path], capture_output=True, text=True, check=False)
        return born.returncode == 0 and int(born.stdout) < self.started

    def __setitem__(self, path, there):
        self.known[path] = there

    def moved(self, old, new):
        inside = {path for path in {*self.initial, *self.known} if path.startswith(old + "/")}
        for path in inside:
            self.known[new + path[len(old):]] = self[path]
            self.known[path] = False
        self.known[old], self.known[new] = False, True


class Place:
    def __init__(self, cwd):
        self.cwd = cwd


class Task:
    """place is shared by those that clone with CLONE_FS, process by the threads of one."""

    def __init__(self, place, process):
        self.place, self.process = place, process

    @property
    def cwd(self):
        return self.place.cwd

    @cwd.setter
    def cwd(self, path):
        self.place.cwd = path

    def child(self, flags, number):
        return Task(self.place if "CLONE_FS" in flags else Place(self.cwd),
                    self.process if "CLONE_THREAD" in flags else number)


class StraceFacts:
    """Replays a log. The tree must still lie where the build left it."""

    def __init__(self, log, cwd, initial, started):
        self.sets = {kind: set() for kind in KINDS}
        self.execs, self.renames_to, self.renames_from = collections.Counter(), {}, {}
        self.links, self.present = Links(), Presence(cwd, initial, started)
        self.initial, self.listed, self.folders = initial, set(), {}  # folders: what the build made and removed
        self.tasks, self.births = {}, collections.defaultdict(collections.deque)
        self.users = {kind: collections.defaultdict(set) for kind in ("readers", "writers")}
        self.targets = {}
        self.appeared = set()  # tasks whose clone has returned, but that have no line yet
        events = list(strace_log.read(log))
        for event in events:
            if isinstance(event, strace_log.Call) and event.name in CLONES and (event.ret or 0) > 0:
                self.births[event.ret].append((event.line, event.pid, " ".join(event.args)))
            elif isinstance(event, strace_log.Call) and event.name.startswith("getdents") and event.ret is not None:
                self.listed.add(event.directory(0))
        for event in events:
            self.replay(event, cwd)
        self.finish()

    def replay(self, event, cwd):
        if isinstance(event, strace_log.Died):
            self.tasks.pop(event.pid, None)
        elif isinstance(event, strace_log.Born):
            if event.pid in self.appeared:
                self.appeared.remove(event.pid)
            elif not self.tasks and not self.births[event.pid]:
                self.tasks[event.pid] = Task(Place(cwd), 0)
            else:
                self.appear(event.pid)
        elif event.name in CLONES:
            self.cloned(event)
        elif event.name in BY_DESCRIPTOR or event.name == "mmap":
            self.descriptor_call(event)
        elif event.name in PATHS:
            self.path_call(event)
        elif event.name == "fchdir" and event.ret == 0:
            self.tasks[event.pid].cwd = event.directory(0)
        elif event.name == "unshare" and event.ret == 0 and "CLONE_FS" in event.args[0]:
            self.tasks[event.pid].place = Place(self.tasks[event.pid].cwd)
        elif event.name == "bind" and (name := re.search(r'sun_path=("(?:[^"\\]|\\.)*")', event.args[1])):
            path = self.links.absolute(self.tasks[event.pid].cwd, strace_log.unescape(name.group(1)[1:-1]))
            if event.ret == 0 or event.errno in ("ENOENT", "ENOTDIR"):
                self.sets["missing" if event.errno else "create"].add(path)

    def cloned(self, call):
        """The child may have no line yet, and its parent may move or die before it has."""
        if (call.ret or 0) > 0 and self.births[call.ret] and self.births[call.ret][0][0] == call.line:
            self.appear(call.ret)
            self.appeared.add(call.ret)

    def appear(self, pid):
        if not self.births[pid]:
            raise ValueError(f"task {pid} has no parent in the log")
        line, parent, flags = self.births[pid].popleft()
        self.tasks[pid] = self.tasks[parent].child(flags, line)

    def path_of(self, call, where):
        directory, index = where
        path = call.string(index)
        if not path:
            return None
        task = self.tasks[call.pid]
        base = task.cwd
        if directory is not None and not path.startswith("/"):
            base = call.directory(directory)
            if base is None and call.errno:
                return None
            if base is None:
                raise ValueError(f"line {call.line}: {call.args[directory]}: which directory?")
            base = base.removesuffix(" (deleted)")
            if call.args[directory].startswith("AT_FDCWD") and base != task.cwd:
                raise ValueError(f"line {call.line}: the working directory is {base}, not {task.cwd}")
        return self.links.absolute(base, path)

    def path_call(self, call):
        path = self.path_of(call, PATHS[call.name])
        if path is None and call.ret == 0:
            self.descriptor_path_call(call)
        if path is None or call.ret is None:
            return
        if call.errno in ("ENOENT", "ENOTDIR"):
            self.sets["missing"].add(path)
            if call.name not in SECOND and call.name not in NEW_NAMES and call.errno == "ENOENT":
                self.present[path] = False
        elif call.ret >= 0:
            self.succeeded(call, path)

    def descriptor_path_call(self, call):
        """No path, or an empty one: the descriptor beside it is meant."""
        name = call.directory(PATHS[call.name][0]) if PATHS[call.name][0] is not AT else None
        if call.name == "linkat" and (new := self.path_of(call, SECOND[call.name])):
            self.named(call, new)
        elif call.name == "execveat" and name:
            self.succeeded(call, name.removesuffix(" (deleted)"))
        elif OPS.get(call.name, "stat") != "stat" and name and name.startswith("/"):
            self.sets[OPS[call.name]].add(name)

    def descriptor_call(self, call):
        """Done to a file by one of its descriptors."""
        executable = call.name == "mmap" and "PROT_EXEC" in call.flags(2) and "MAP_ANONYMOUS" not in call.flags(3)
        op = "map" if executable else BY_DESCRIPTOR.get(call.name)
        name = call.directory(4 if call.name == "mmap" else 0) if op and call.errno is None and call.ret is not None else None
        if name and name.startswith("/") and not UNNAMED.match(name):
            self.sets[op].add(name.removesuffix(" (deleted)"))

    def succeeded(self, call, path):
        if call.name in OPS:
            self.sets[OPS[call.name]].add(path)
        if call.name in OPEN_FLAGS:
            self.opened(call, path)
        elif call.name in ("execve", "execveat"):
            self.execs[path, tuple(call.strings(1 if call.name == "execve" else 2) or ())] += 1
        elif call.name in DELETES:
            self.sets["delete"].add(path)
            self.present[path] = False
            place = self.links.place(path)
            self.folders[place] = False
            if place in self.links.gone:
                self.links.made(place, None)
        elif call.name.startswith("rename"):
            self.renamed(call, path)
        elif call.name in NEW_NAMES:
            self.named(call, path)
        elif call.name == "chdir":
            self.tasks[call.pid].cwd = self.links.physical(path)
        else:
            self.present[path] = True

    def renamed(self, call, old):
        new = self.path_of(call, SECOND[call.name])
        self.renames_to[old], self.renames_from[new] = new, old
        self.present.moved(old, new)
        old_place, new_place = self.links.place(old), self.links.place(new)
        for place in {task.place for task in self.tasks.values()}:
            if (place.cwd + "/").startswith(old_place + "/"):
                place.cwd = new_place + place.cwd[len(old_place):]
        self.folders[new_place], self.folders[old_place] = self.is_folder(old_place), False
        if old_place in self.links.gone or new_place in self.links.gone:
            self.links.made(new_place, self.links.gone.get(old_place))
            self.links.made(old_place, None)

    def is_folder(self, path):
        if path in self.folders:
            return self.folders[path]
        return self.initial[path] if path in self.initial else path in self.listed or os.path.isdir(path)

    def named(self, call, path):
        new = self.path_of(call, SECOND[call.name]) if call.name in SECOND else path
        self.sets[NEW_NAMES[call.name]].add(new)
        self.present[new] = True
        if call.name.startswith("mkdir"):
            self.folders[self.links.place(new)] = True
            self.links.made(self.links.place(new), None)
        elif call.name.startswith("symlink"):
            self.links.made(self.links.place(new), call.string(0))

    def opened(self, call, path):
        index = OPEN_FLAGS[call.name]
        flags = CREATE_FLAGS if index is None else call.flags(index)
        really = call.ret_path if call.ret_path is not None else self.links.physical(path)
        if "O_PATH" in flags or "O_TMPFILE" in flags:
            return
        if "O_CREAT" in flags:
            if "O_EXCL" in flags or not self.present[really]:
                self.sets["create"].add(path)
        self.present[really] = True
        if flags & {"O_CREAT", "O_WRONLY", "O_RDWR"}:
            self.folders[really] = False
        if "O_DIRECTORY" in flags or self.is_folder(really):
            return
        if flags & {"O_RDONLY", "O_RDWR"}:
            self.sets["read"].add(path)
            self.users["readers"][path].add(self.tasks[call.pid].process)
        if flags & {"O_WRONLY", "O_RDWR"}:
            self.sets["write"].add(path)
            self.users["writers"][path].add(self.tasks[call.pid].process)
        self.targets[path] = really

    def finish(self):
        for kind, users in self.users.items():
            self.sets[kind] = {(path, len(processes)) for path, processes in users.items()}
        self.sets["target"] = {(path, target) for path, target in self.targets.items()
                               if path != target and target.startswith("/") and not UNNAMED.match(target)}
        self.sets["exec"] = counted(self.execs)
        self.sets["rename"] = rename_set(self.renames_to, self.renames_from)
        self.sets = {kind: stabilised(values) for kind, values in self.sets.items()}


def counted(counter):
    """A multiset as a set: the n-th of its kind is one more member."""
    stabilised_counter = collections.Counter()
    for (path, argv), count in counter.items():
        stabilised_counter[stable(path), tuple(stable(arg) for arg in argv)] += count
    return {(path, argv, n) for (path, argv), count in stabilised_counter.items() for n in range(1, count + 1)}


def rename_set(to, origin):
    return {("renamed to", old, new) for old, new in to.items()} | {("renamed from", new, old) for new, old in origin.items()}


def stabilised(values):
    return {stable(v) if isinstance(v, str) else tuple(stable(w) if isinstance(w, str) else w for w in v) for v in values}


def exact(holder, key):
    """The text of a report's field, or its bytes where it is not UTF-8, as os.fsdecode has them."""
    if holder.get(key + "_bytes") is not None:
        return os.fsdecode(base64.b64decode(holder[key + "_bytes"]))
    return holder.get(key)


def exact_list(holder, key):
    coded = holder.get(key + "_bytes") or [None] * len(holder[key])
    return tuple(text if code is None else os.fsdecode(base64.b64decode(code)) for text, code in zip(holder[key], coded))


def from_report(path):
    """The same sets from ptwrap's JSON."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    sets = {kind: set() for kind in KINDS}
    execs, to, origin = collections.Counter(), {}, {}
    for process in report["processes"]:
        for image in process["execs"]:
            execs[exact(image, "path"), exact_list(image, "argv")] += 1
    for entry in report["files"]:
        name = exact(entry, "path")
        for kind in set(entry["ops"]) & set(KINDS) - {"exec", "rename"}:
            sets[kind].add(name)
        for kind in ("readers", "writers"):
            if entry.get(kind):
                sets[kind].add((name, len(entry[kind])))
        if "target" in entry and {"read", "write"} & set(entry["ops"]):
            sets["target"].add((name, exact(entry, "target")))
        if "renamed_to" in entry:
            to[name] = exact(entry, "renamed_to")
        if "renamed_from" in entry:
            origin[name] = exact(entry, "renamed_from")
    sets["exec"] = counted(execs)
    sets["rename"] = rename_set(to, origin)
    return {kind: stabilised(values) for kind, values in sets.items()}, report
