// fast_cancel: a thread is cancelled while it waits in each of some calls. Prints what ran on its way out: destructors, clean-up
// handlers; and whether it was cancelled in the end.
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

int ends[2], pair[2], listener;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
sem_t semaphore;
volatile pid_t waiter;
int destroyed, cleaned;

struct Guard {
	~Guard() { destroyed++; }
};

void wait_read() { char byte; (void)!read(ends[0], &byte, 1); }
void wait_open() { open("fifo", O_RDONLY); }
void wait_accept() { accept(listener, nullptr, nullptr); }
void wait_nanosleep() { timespec day = { 86400, 0 }; nanosleep(&day, nullptr); }
void wait_poll() { pollfd one = { ends[0], POLLIN, 0 }; poll(&one, 1, -1); }
void wait_pause() { pause(); }
void wait_sem() { sem_wait(&semaphore); }
void wait_recv() { char byte; recv(pair[0], &byte, 1, 0); }

void wait_condition()
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push([](void *lock) { pthread_mutex_unlock(static_cast<pthread_mutex_t *>(lock)); }, &mutex);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
	pthread_cleanup_pop(1);
}

const struct {
	const char *name;
	void (*wait)();
} calls[] = {
	{ "read", wait_read },   { "open", wait_open },   { "accept", wait_accept }, { "nanosleep", wait_nanosleep },
	{ "poll", wait_poll },   { "pause", wait_pause }, { "sem_wait", wait_sem },  { "pthread_cond_wait", wait_condition },
	{ "recv", wait_recv },
};

void *run(void *call)
{
	Guard outer;
	pthread_cleanup_push([](void *) { cleaned++; }, nullptr);
	Guard inner;
	waiter = static_cast<pid_t>(syscall(SYS_gettid));
	reinterpret_cast<void (*)()>(call)();
	pthread_cleanup_pop(0);
	return nullptr;
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

// Before: it may be asked to end before it waits.
void cancel(const char *name, void (*wait)(), bool before)
{
	pthread_t thread;
	void *result = nullptr;
	destroyed = cleaned = waiter = 0;
	pthread_create(&thread, nullptr, run, reinterpret_cast<void *>(wait));
	while (!before && !(waiter && sleeps(waiter)))
		;
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("%s%s: %d destroyed, %d cleaned, %s\n", name, before ? " before" : "", destroyed, cleaned,
	       result == PTHREAD_CANCELED ? "cancelled" : "returned");
	fflush(stdout);
}

}

int main()
{
	sockaddr_un nameless = {};
	nameless.sun_family = AF_UNIX;
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (pipe(ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || mkfifo("fifo", 0600) || sem_init(&semaphore, 0, 0) ||
	    bind(listener, reinterpret_cast<sockaddr *>(&nameless), sizeof(sa_family_t)) || listen(listener, 1))
		return 1;
	for (auto &call : calls)
		cancel(call.name, call.wait, false);
	for (auto &call : calls)
		cancel(call.name, call.wait, true);
	return pthread_mutex_trylock(&mutex);
}
