import os, shutil, socket, tempfile, errno, ctypes, sys
os.makedirs('a/b/c'); os.mkdir('d')
fa = os.open('a', os.O_RDONLY|os.O_DIRECTORY); fb = os.open('a/b', os.O_RDONLY); fd = os.open('d', os.O_RDONLY|os.O_DIRECTORY)
w = lambda name, **k: os.close(os.open(name, os.O_WRONLY|os.O_CREAT|os.O_TRUNC, 0o644, **k))
w('one', dir_fd=fa); w('b/two', dir_fd=fa); w('../three', dir_fd=fb); w('two', dir_fd=fb)
os.rename('one', 'uno', src_dir_fd=fa, dst_dir_fd=fd)
os.replace('two', 'two', src_dir_fd=fb, dst_dir_fd=fd)
os.link('uno', 'hard', src_dir_fd=fd, dst_dir_fd=fb)
os.symlink('../d', 'lnk', dir_fd=fa)
os.symlink('nowhere', 'dangling', dir_fd=fd)
os.symlink('dangling', 'd/dangling2')
w('lnk/via', dir_fd=fa)
os.mkdir('newdir', dir_fd=fd); os.rmdir('newdir', dir_fd=fd)
os.unlink('hard', dir_fd=fb)
print(os.listdir(fd), os.readlink('lnk', dir_fd=fa), os.stat('uno', dir_fd=fd).st_size)
os.chmod('uno', 0o600, dir_fd=fd) ; os.utime('uno', (1,1), dir_fd=fd); 
for f in ('nope', 'uno/x'):
    for op in (lambda: os.stat(f, dir_fd=fd), lambda: os.open(f, os.O_RDONLY, dir_fd=fd), lambda: os.unlink(f, dir_fd=fd), lambda: os.rename(f, 'q', src_dir_fd=fd, dst_dir_fd=fa), lambda: os.readlink(f, dir_fd=fd), lambda: os.access(f, os.R_OK, dir_fd=fd),lambda: os.mkdir(f+'/y', dir_fd=fd), lambda: os.symlink('x', f+'/y', dir_fd=fd), lambda: os.link(f+'/y', 'zz', src_dir_fd=fd, dst_dir_fd=fd),lambda: os.link('uno', f+'/link', src_dir_fd=fd, dst_dir_fd=fd), lambda: os.rename('uno', 'nodir/q', src_dir_fd=fd, dst_dir_fd=fd)):
        try: op()
        except OSError as e: pass
# through dangling symlink create
w('d/dangling2'); print(os.path.exists('d/nowhere'))
os.chdir(fb); w('rel'); os.chdir('../..'); 
# rename directory while open, then use dirfd
os.rename('a/b', 'moved'); w('after', dir_fd=fb); 
os.rename('moved', 'a/b2'); w('../after2', dir_fd=fb); 
# delete the directory that a descriptor leads to
os.mkdir('gone'); g = os.open('gone', os.O_RDONLY); os.rmdir('gone')
try: os.open('x', os.O_RDONLY, dir_fd=g)
except OSError as e: print(e.errno)
try: os.stat('', dir_fd=g)
except OSError as e: print(e.errno)
# proc self fd
w('d/viafd'); h = os.open('d/viafd', os.O_RDONLY); i = os.open('/proc/self/fd/%d' % h, os.O_RDWR); os.close(i)
i = os.open('/dev/fd/%d' % h, os.O_RDONLY); os.close(i)
# O_EXCL fail, O_CREAT existing, O_DIRECTORY|O_CREAT
try: os.open('d/viafd', os.O_WRONLY|os.O_CREAT|os.O_EXCL)
except FileExistsError: pass
w('d/viafd')
os.open('d/viafd', os.O_RDONLY|os.O_CREAT)
os.open('d/rocreat', os.O_RDONLY|os.O_CREAT)
try: os.open('d', os.O_RDWR)
except OSError as e: print(e.errno)
os.open('d', os.O_PATH); os.open('d/viafd', os.O_PATH)
t = os.open('d', os.O_RDWR|os.O_TMPFILE); import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.linkat(-100, b'/proc/self/fd/%d' % t, -100, b'd/tmpfile', 0x400), libc.linkat(t, b'', -100, b'd/tmpfile2', 0x1000)); os.close(t)
# renameat2 exchange / noreplace
libc = ctypes.CDLL(None, use_errno=True)
w('x1'); w('x2'); print(libc.renameat2(-100, b'x1', -100, b'x2', 2)); print(libc.renameat2(-100, b'x1', -100, b'x2', 1), ctypes.get_errno())
# mkfifo mknod socket
os.mkfifo('d/fifo'); s = socket.socket(socket.AF_UNIX); s.bind('d/sock'); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect('d/sock')
try: socket.socket(socket.AF_UNIX).connect('d/nosock')
except OSError: pass
s2 = socket.socket(socket.AF_UNIX); s2.bind('\0abstract%d' % 77)
# xattr etc
os.setxattr('d/viafd', 'user.x', b'1'); os.getxattr('d/viafd', 'user.x'); os.listxattr('d'); os.removexattr('d/viafd', 'user.x')
try: os.getxattr('d/nothing', 'user.x')
except OSError: pass
os.truncate('d/viafd', 3); os.truncate(os.open('d/viafd', os.O_RDWR), 2)
os.statvfs('d'); 
# tempfile & shutil
with tempfile.NamedTemporaryFile(dir='.', prefix='tmp.') as f: f.write(b'x')
shutil.copytree('d', 'd2', symlinks=True, ignore=shutil.ignore_patterns('fifo', 'sock')); shutil.rmtree('d2'); shutil.move('x1', 'd/x1moved')
# trailing slashes, double slashes, dots
os.stat('d/'); os.stat('.//d/./uno'); os.stat('d/../d/uno'); os.listdir('d/.'); os.mkdir('slash/'); os.rename('slash/', 'slash2/'); os.rmdir('slash2/')
try: os.stat('d/uno/')
except OSError: pass
try: os.stat('')
except OSError: pass
try: os.open(b'\xff\xfe', os.O_RDONLY)
except OSError: pass
w(b'n\xff\xfe'); os.unlink(b'n\xff\xfe')
os.mkdir('loop'); os.symlink('l2', 'loop/l1'); os.symlink('l1', 'loop/l2')
try: os.stat('loop/l1')
except OSError as e: print(e.errno)
try: os.stat('x'*300)
except OSError as e: print(e.errno)
# link to absolute, relative chains, and .. through symlinks
os.makedirs('p/q/r'); os.symlink('p/q', 'pq'); w('pq/r/../../inp'); os.stat('pq/../inp')
os.symlink(os.path.abspath('pq/r'), 'abs'); os.chdir('abs'); w('cwdfile'); os.stat('../../inp'); os.chdir('../../..')
# fork and chdir
if os.fork() == 0:
    os.chdir('p'); w('child'); os._exit(0)
os.wait(); w('parent')
os.fchdir(fd); w('infd')
for p in ('nodir/s', 'd/uno/s', os.path.abspath('d') + '/../abssock'):
    try: socket.socket(socket.AF_UNIX).bind(p)
    except OSError as e: print(e)
