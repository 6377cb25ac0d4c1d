/* await_end PID...: returns when none of these processes exists any more. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct pollfd end = { .events = POLLIN };
		end.fd = (int)syscall(SYS_pidfd_open, atoi(argv[i]), 0);
		if (end.fd < 0 && errno != ESRCH)
			return 1;
		if (end.fd >= 0 && poll(&end, 1, -1) != 1)
			return 1;
	}
	return argc < 2;
}
