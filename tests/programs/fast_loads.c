/* fast_loads LIBRARY: loads and unloads it, which makes calls of its own, and a second libc. Writes to ./counted how often
 * each call was made, and how often it failed. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static long chdirs, getppids;
static int wrong;

static void must(bool holds)
{
	wrong += !holds;
}

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	long (*look)(const char *) = library ? (long (*)(const char *))dlsym(library, "library_chdir") : NULL;
	long (*parent)(void) = library ? (long (*)(void))dlsym(library, "library_getppid") : NULL;
	if (!look || !parent) {
		puts("not loaded");
		return;
	}
	must(look("/missing") == -1);
	must(parent() == getppid());
	must(dlclose(library) == 0);
	chdirs += 3;
	getppids += 2;
}

/* It has an errno of its own, and no thread of this program's. */
static void load_second_libc(void)
{
	void *libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	int (*look)(const char *) = libc ? (int (*)(const char *))dlsym(libc, "chdir") : NULL;
	pid_t (*parent)(void) = libc ? (pid_t (*)(void))dlsym(libc, "getppid") : NULL;
	if (!look || !parent) {
		printf("no second libc: %s\n", dlerror());
		return;
	}
	printf("a second libc, at %s place\n", (void *)parent == (void *)getppid ? "the same" : "another");
	for (int i = 0; i < ROUNDS; i++) {
		must(look("/missing") == -1);
		must(parent() == getppid());
	}
	chdirs += ROUNDS;
	getppids += 2 * ROUNDS;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	for (int i = 0; i < ROUNDS; i++)
		load(argv[1]);
	load_second_libc();
	FILE *file = fopen("counted", "w");
	if (!file)
		return 1;
	fprintf(file, "chdir %ld %ld\ngetppid %ld 0\n", chdirs, chdirs, getppids);
	fclose(file);
	puts(wrong ? "wrong" : "ok");
	return wrong != 0;
}
