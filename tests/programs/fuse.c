/* fuse FOLDER: mounts on FOLDER a file system of its own, with one executable file, `script`, and serves it; before each
 * answer it looks for ./server. Its child opens FOLDER/script, looks for FOLDER/missing, and executes FOLDER/script, a
 * script of `#!/bin/echo`, which prints its own name. The status is the child's, or 77 where nothing can be mounted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT = 2, CANNOT_MOUNT = 77 };

static const char text[] = "#!/bin/echo\n";

static struct fuse_attr attributes_of(uint64_t node)
{
	return (struct fuse_attr){ .ino = node, .nlink = 1, .uid = getuid(), .gid = getgid(),
				   .mode = node == SCRIPT ? S_IFREG | 0755 : S_IFDIR | 0755,
				   .size = node == SCRIPT ? sizeof text - 1 : 0 };
}

static void answer(int fd, const struct fuse_in_header *question, int error, const void *data, size_t len)
{
	char bytes[512];
	struct fuse_out_header header = { .len = (uint32_t)(sizeof header + len), .error = -error,
					  .unique = question->unique };
	memcpy(bytes, &header, sizeof header);
	if (len)
		memcpy(bytes + sizeof header, data, len);
	if (write(fd, bytes, header.len) < 0 && errno != ENOENT)
		perror("fuse: answer");
}

static void look_up(int fd, const struct fuse_in_header *question, const char *name)
{
	struct fuse_entry_out entry = { .nodeid = SCRIPT, .attr = attributes_of(SCRIPT) };
	if (strcmp(name, "script") == 0)
		answer(fd, question, 0, &entry, sizeof entry);
	else
		answer(fd, question, ENOENT, NULL, 0);
}

static void serve_one(int fd, const struct fuse_in_header *question, const char *argument)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
	struct fuse_attr_out attributes = { .attr = attributes_of(question->nodeid) };
	struct fuse_open_out opened = { 0 };
	struct fuse_read_in asked;
	switch (question->opcode) {
	case FUSE_INIT:
		answer(fd, question, 0, &init, sizeof init);
		break;
	case FUSE_LOOKUP:
		look_up(fd, question, argument);
		break;
	case FUSE_GETATTR:
		answer(fd, question, 0, &attributes, sizeof attributes);
		break;
	case FUSE_OPEN:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(fd, question, 0, &opened, question->opcode == FUSE_OPEN ? sizeof opened : 0);
		break;
	case FUSE_READ:
		memcpy(&asked, argument, sizeof asked);
		answer(fd, question, 0, text, asked.offset ? 0 : sizeof text - 1);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fd, question, ENOSYS, NULL, 0);
	}
}

/* Until the mount has gone. */
static void serve(int fd)
{
	static char buffer[64 * 1024];
	struct fuse_in_header question;
	struct stat status;
	while (read(fd, buffer, sizeof buffer) >= (ssize_t)sizeof question) {
		memcpy(&question, buffer, sizeof question);
		stat("./server", &status);
		serve_one(fd, &question, buffer + sizeof question);
	}
}

static void use(const char *folder)
{
	char script[256], missing[256];
	snprintf(script, sizeof script, "%s/script", folder);
	snprintf(missing, sizeof missing, "%s/missing", folder);
	if (open(script, O_RDONLY | O_CLOEXEC) >= 0 && open(missing, O_RDONLY) < 0 && errno == ENOENT)
		execl(script, script, (char *)NULL);
	perror("fuse: use");
	_exit(1);
}

int main(int argc, char **argv)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), status;
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, getuid(), getgid());
	if (argc < 2 || fd < 0 || mount("test", argv[1], "fuse.test", MS_NOSUID, options) < 0) {
		perror("fuse: mount");
		return CANNOT_MOUNT;
	}
	pid_t server = fork();
	if (server == 0) {
		serve(fd);
		_exit(0);
	}
	close(fd);
	pid_t user = fork();
	if (user == 0)
		use(argv[1]);
	waitpid(user, &status, 0);
	umount2(argv[1], MNT_DETACH);
	waitpid(server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
