"""Names relative to descriptors of directories, through links, exchanged, refused and deleted. Prints what came of it."""
import ctypes
import os
import socket
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 1, 2, 0x400, 0x1000


def attempt(call, *args, **named):
    try:
        call(*args, **named)
    except OSError as error:
        print(call.__name__, error.errno)


def write(name, **named):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, **named))


def bind(name):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(name)


os.makedirs("a/b/c")
os.mkdir("d")
a, b, d = os.open("a", os.O_RDONLY | os.O_DIRECTORY), os.open("a/b", os.O_RDONLY), os.open("d", os.O_RDONLY)

# Made, moved, linked and deleted by descriptor.
write("one", dir_fd=a)
write("b/two", dir_fd=a)
write("../three", dir_fd=b)
write("two", dir_fd=b)
os.rename("one", "uno", src_dir_fd=a, dst_dir_fd=d)
os.replace("two", "two", src_dir_fd=b, dst_dir_fd=d)
os.link("uno", "hard", src_dir_fd=d, dst_dir_fd=b)
os.symlink("../d", "link", dir_fd=a)
write("link/via", dir_fd=a)
os.mkdir("new", dir_fd=d)
os.rmdir("new", dir_fd=d)
os.unlink("hard", dir_fd=b)
os.chmod("uno", 0o600, dir_fd=d)
os.utime("uno", (1, 1), dir_fd=d)
print(sorted(os.listdir(d)), os.readlink("link", dir_fd=a), os.stat("uno", dir_fd=d).st_size)

# Look-ups that fail, of every kind.
for name in ("nope", "uno/x"):
    attempt(os.stat, name, dir_fd=d)
    attempt(os.open, name, os.O_RDONLY, dir_fd=d)
    attempt(os.unlink, name, dir_fd=d)
    attempt(os.rename, name, "q", src_dir_fd=d, dst_dir_fd=a)
    attempt(os.readlink, name, dir_fd=d)
    attempt(os.mkdir, name + "/y", dir_fd=d)
    attempt(os.symlink, "x", name + "/y", dir_fd=d)
    attempt(os.link, "uno", name + "/y", src_dir_fd=d, dst_dir_fd=d)
    attempt(bind, "d/" + name + "/socket")

# Links: dangling, in a loop, absolute, and a .. behind them.
os.symlink("nowhere", "dangling", dir_fd=d)
write("d/dangling")
os.symlink("l2", "l1")
os.symlink("l1", "l2")
attempt(os.stat, "l1")
os.makedirs("p/q/r")
os.symlink("p/q", "pq")
os.symlink(os.path.abspath("pq/r"), "absolute")
write("pq/r/../../in-p")
os.stat("pq/../in-p")
os.chdir("absolute")
write("below")
os.stat("../../in-p")
os.chdir("../../..")

# The working directory by descriptor; folders that move or go while they are open.
os.fchdir(b)
write("relative")
os.chdir("../..")
os.rename("a/b", "moved")
write("after", dir_fd=b)
os.rename("moved", "a/b2")
write("../after", dir_fd=b)
os.mkdir("gone")
gone = os.open("gone", os.O_RDONLY)
os.rmdir("gone")
attempt(os.open, "x", os.O_RDONLY, dir_fd=gone)

# One file by several ways, and the flags of open.
write("d/file")
file = os.open("d/file", os.O_RDONLY)
os.close(os.open(f"/proc/self/fd/{file}", os.O_RDWR))
os.close(os.open(f"/dev/fd/{file}", os.O_RDONLY))
attempt(os.open, "d/file", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
attempt(os.open, "d", os.O_RDWR)
os.close(os.open("d/file", os.O_RDONLY | os.O_CREAT))
os.close(os.open("d/made-to-read", os.O_RDONLY | os.O_CREAT))
os.close(os.open("d/file", os.O_PATH))
os.truncate("d/file", 3)
attempt(os.setxattr, "d/file", "user.x", b"1")
attempt(os.removexattr, "d/nothing", "user.x")
try:
    unnamed = os.open("d", os.O_RDWR | os.O_TMPFILE)
    print(libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % unnamed, AT_FDCWD, b"d/named", AT_SYMLINK_FOLLOW),
          libc.linkat(unnamed, b"", AT_FDCWD, b"d/named-too", AT_EMPTY_PATH))
except OSError as refused:
    print(refused.errno)

# Exchanged, and not replaced; what is no regular file; odd spellings.
write("x1")
write("x2")
print(libc.renameat2(AT_FDCWD, b"x1", AT_FDCWD, b"x2", RENAME_EXCHANGE),
      libc.renameat2(AT_FDCWD, b"x1", AT_FDCWD, b"x2", RENAME_NOREPLACE))
os.mkfifo("d/fifo")
bind("d/socket")
bind(os.path.abspath("d") + "/../socket")
bind("\0abstract-socket-of-no-file")
os.mkdir("slash/")
os.rename("slash/", ".//slash2//")
attempt(os.rmdir, "slash2/.")
attempt(os.stat, "d/uno/")
attempt(os.stat, "")
attempt(os.stat, "x" * 300)
write(b"n\xff\xfe")
with tempfile.NamedTemporaryFile(dir=".", prefix="tmp."):
    pass
libc.open(ctypes.c_void_p(8), 0)
libc.openat(999, b"relative-to-nothing", 0)
if os.fork() == 0:
    os.chdir("p")
    write("of-the-child")
    os.execv("/bin/true", ["true", "", b"\xff"])
os.wait()
write("of-the-parent")
