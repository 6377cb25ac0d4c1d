/* policy_nolibc32 HOW: a 32-bit program without a C library, which sends a datagram to 127.0.0.1 port 9, or connects a
 * socket to it. HOW: connect, sendto, sendmsg, sendmmsg: by the call of that name; with an s before it: by
 * socketcall. Prints the result as a number: a negative one is an error's. HOW may also be bind or sbind: binds a socket to
 * the path ./bound, and prints what the kernel calls it.
 *
 * policy_nolibc32 mmap FILE: maps its first page to be executed, by the older call that has its arguments in memory; prints 0,
 * or the error. policy_nolibc32 mmap: has them where there is none. */
#include <asm/unistd_32.h>

enum { AF_UNIX = 1, AF_INET = 2, SOCK_DGRAM = 2, WRITE_FD = 1 };

static long call(long number, long a, long b, long c, long d, long e)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
}

/* The sixth argument goes into ebp, which the compiler has other plans for: sendto's length of 16. */
static long call_sendto(long fd, const void *data, long len, const void *address)
{
	long result;
	__asm__ volatile("push %%ebp\n\tmov $16, %%ebp\n\tint $0x80\n\tpop %%ebp"
			 : "=a"(result) : "a"(__NR_sendto), "b"(fd), "c"(data), "d"(len), "S"(0), "D"(address) : "memory");
	return result;
}

static const struct {
	unsigned short family, port;
	unsigned char address[4], zero[8];
} to = { AF_INET, 9 << 8, { 127, 0, 0, 1 }, { 0 } };

struct header {
	const void *name;
	long name_len, iov, iov_len, control, control_len, flags;
};

static long send_by(const char *how, long fd)
{
	static char byte = 'x';
	long iov[2] = { (long)&byte, 1 };
	struct {
		struct header header;
		unsigned len;
	} message = { { &to, 16, (long)iov, 1, 0, 0, 0 }, 0 };
	int old = how[0] == 's' && (how[1] == 's' || how[1] == 'c');
	const char *name = how + old;
	long connects[] = { fd, (long)&to, 16 }, sends[] = { fd, (long)&byte, 1, 0, (long)&to, 16 };
	long messages[] = { fd, (long)&message, name[4] == 'm' && name[5] == 'm' ? 1 : 0, 0 };
	if (name[0] == 'c')
		return old ? call(__NR_socketcall, 3, (long)connects, 0, 0, 0) : call(__NR_connect, fd, (long)&to, 16, 0, 0);
	if (name[4] == 't')
		return old ? call(__NR_socketcall, 11, (long)sends, 0, 0, 0) : call_sendto(fd, &byte, 1, &to);
	if (name[5] == 's')
		return old ? call(__NR_socketcall, 16, (long)messages, 0, 0, 0) :
			     call(__NR_sendmsg, fd, (long)&message, 0, 0, 0);
	return old ? call(__NR_socketcall, 20, (long)messages, 0, 0, 0) :
		     call(__NR_sendmmsg, fd, (long)&message, 1, 0, 0);
}

static long map(const char *file)
{
	enum { PROT_READ_EXEC = 5, MAP_PRIVATE = 2, ERRORS = -4095 };
	long words[6] = { 0, 4096, PROT_READ_EXEC, MAP_PRIVATE, file ? call(__NR_open, (long)file, 0, 0, 0, 0) : 0, 0 };
	long result = call(__NR_mmap, file ? (long)words : 4, 0, 0, 0, 0);
	return (unsigned long)result >= (unsigned long)ERRORS ? result : 0;
}

static void print(long result)
{
	char text[12], *at = text + sizeof text;
	unsigned long rest = result < 0 ? (unsigned long)-result : (unsigned long)result;
	*--at = '\n';
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (result < 0)
		*--at = '-';
	call(__NR_write, WRITE_FD, (long)at, text + sizeof text - at, 0, 0);
}

static void bind_by(int old)
{
	struct {
		unsigned short family;
		char path[108];
	} name = { AF_UNIX, "bound" };
	unsigned room = sizeof name;
	long fd = call(__NR_socket, AF_UNIX, SOCK_DGRAM, 0, 0, 0);
	long binds[] = { fd, (long)&name, sizeof name }, asks[] = { fd, (long)&name, (long)&room };
	long result = old ? call(__NR_socketcall, 2, (long)binds, 0, 0, 0) : call(__NR_bind, fd, (long)&name, sizeof name, 0, 0);
	if (result == 0)
		result = old ? call(__NR_socketcall, 6, (long)asks, 0, 0, 0) :
			       call(__NR_getsockname, fd, (long)&name, (long)&room, 0, 0);
	if (result == 0 && room > 3)
		call(__NR_write, WRITE_FD, (long)name.path, (long)room - 3, 0, 0);
	print(result);
}

__attribute__((used)) static void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	const char *how = argv[1];
	if (how[0] == 'm')
		print(map(argv[2]));
	else if (how[0] == 'b' || how[1] == 'b')
		bind_by(how[0] == 's');
	else
		print(send_by(how, call(__NR_socket, AF_INET, SOCK_DGRAM, 0, 0, 0)));
	call(__NR_exit_group, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\tmov %esp, %eax\n\tpush %eax\n\tcall start\n");
