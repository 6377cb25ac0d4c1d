// fast_throw COUNT: a handler throws, out of a read that waits, COUNT times; what lies on the way is destroyed.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace {

int ends[2], destroyed;
std::atomic<bool> asked;

struct Guard {
	~Guard() { destroyed++; }
};

struct Interrupted {
	int signal;
};

void on_signal(int signal)
{
	throw Interrupted{ signal };
}

bool sleeps(pid_t tid)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return strstr(text, "State:\tS");
}

// Thrown elsewhere than in the read it would go where nothing expects it.
void *interrupt_main(void *main)
{
	for (;;) {
		while (!(asked && sleeps(getpid())))
			;
		asked = false;
		pthread_kill(*static_cast<pthread_t *>(main), SIGUSR1);
	}
}

[[gnu::noinline]] long wait_for_a_byte()
{
	Guard guard;
	char byte;
	asked = true;
	return read(ends[0], &byte, 1);
}

}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 100, caught = 0;
	pthread_t main = pthread_self(), thread;
	struct sigaction action = {};
	action.sa_handler = on_signal;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &action, nullptr);
	if (pipe(ends) || pthread_create(&thread, nullptr, interrupt_main, &main))
		return 1;
	for (int i = 0; i < count; i++) {
		try {
			wait_for_a_byte();
		} catch (const Interrupted &interrupted) {
			caught += interrupted.signal == SIGUSR1;
		}
	}
	printf("%d caught, %d destroyed\n", caught, destroyed);
	return 0;
}
