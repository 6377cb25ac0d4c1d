"""Names that lead each process elsewhere, and descriptors that no path was opened for."""
import os
import socket
import threading


def names():
    for path in ("/proc/self/status", "/proc/thread-self/comm", "/proc/mounts", "/proc/net/dev", "/etc/mtab", "/dev/fd",
                 "/dev/fd/0", "/proc/self/fd/0", "/dev/stdout", "/proc/self/exe", "/proc/self/cwd", "/dev/null",
                 "/proc/1/status", "/proc/%d/exe" % os.getpid()):
        os.stat(path)
        os.close(os.open(path, os.O_RDONLY))


def through_links():
    os.symlink("/proc/self/fd/0", "zero")
    os.symlink("/dev/stdin", "standard")
    for path in ("zero", "standard"):
        os.stat(path)
        os.close(os.open(path, os.O_RDONLY))


def descriptors():
    one, other = socket.socketpair()
    folder = os.open("/usr", os.O_RDONLY | os.O_DIRECTORY)
    socket.send_fds(one, [b"x"], [folder, 0])
    received = socket.recv_fds(other, 10, 5)[1]
    os.stat("bin", dir_fd=received[0])
    os.stat("/proc/self/fd/%d/bin" % folder)
    os.close(os.open("/proc/self/fd/%d/bin" % folder, os.O_RDONLY))
    for made in (one.fileno(), *received, *os.pipe(), os.eventfd(0)):
        os.fstat(made)
        os.dup(made)


with open("input", "w") as file:
    file.write("x")
os.dup2(os.open("input", os.O_RDONLY), 0)
names()
through_links()
descriptors()
thread = threading.Thread(target=names)
thread.start()
thread.join()
