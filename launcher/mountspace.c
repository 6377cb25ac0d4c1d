/* Mounts of the tree's namespaces: see mountspace.h. */
#include "mountspace.h"

#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U /* Linux 6.8 */
#endif
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

enum { SYS_STATMOUNT = 457, KNOWN_SLOTS = 1024 };

/* linux/mount.h */
struct mount_request {
	uint32_t size, spare;
	uint64_t mount, mask, mount_namespace;
};

static struct {
	pthread_mutex_t lock;
	uint64_t slots[KNOWN_SLOTS]; /* unique ids are never used again */
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_known(uint64_t mount)
{
	pthread_mutex_lock(&known.lock);
	bool found = known.slots[mount % KNOWN_SLOTS] == mount;
	pthread_mutex_unlock(&known.lock);
	return found;
}

static void remember(uint64_t mount)
{
	pthread_mutex_lock(&known.lock);
	known.slots[mount % KNOWN_SLOTS] = mount;
	pthread_mutex_unlock(&known.lock);
}

/* 0: this kernel does not tell. */
static uint64_t look_at_mount(int fd, const char *path, struct statx *status)
{
	enum { FLAGS = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT };
	status->stx_mask = 0;
	if (statx(fd, path, FLAGS, STATX_INO | STATX_MNT_ID_UNIQUE, status) != 0 || !(status->stx_mask & STATX_MNT_ID_UNIQUE))
		return 0;
	return status->stx_mnt_id;
}

static uint64_t unique_mount(int fd, const char *path)
{
	struct statx status;
	return look_at_mount(fd, path, &status);
}

/* In the namespace with that id; 0: in ptwrap's own. One that cannot be looked at holds none. */
static bool is_in(uint64_t name_space, uint64_t mount)
{
	enum { OLD_BYTES = 24, BASIC = 1 };
	char answer[1024];
	struct mount_request request = { .size = name_space ? sizeof request : OLD_BYTES, .mount = mount, .mask = BASIC,
					 .mount_namespace = name_space };
	return syscall(SYS_STATMOUNT, &request, answer, sizeof answer, 0) == 0 || errno != ENOENT;
}

/* 0: this kernel does not tell, or the task has ended. */
static uint64_t namespace_of(pid_t tid)
{
	char path[PROCFS_PATH];
	uint64_t id = 0;
	procfs_path(path, tid, "ns/mnt");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, _IOR(0xb7, 5, uint64_t) /* NS_GET_MNTNS_ID */, &id) != 0)
		id = 0;
	if (fd >= 0)
		close(fd);
	return id;
}

/* What only descriptors lead to, pipes and the like, lies on mounts of the kernel's own. */
static bool is_kernels_own(int fd, uint64_t mount)
{
	struct statfs status;
	if (fstatfs(fd, &status) != 0)
		return false;
	switch (status.f_type) {
	case PIPEFS_MAGIC:
	case SOCKFS_MAGIC:
	case ANON_INODE_FS_MAGIC:
	case NSFS_MAGIC:
	case PID_FS_MAGIC:
	case SECRETMEM_MAGIC:
	case DMA_BUF_MAGIC:
	case HUGETLBFS_MAGIC:
		return true;
	default:
		break;
	}
	int memory = memfd_create("mount", MFD_CLOEXEC);
	bool same = memory >= 0 && unique_mount(memory, "") == mount;
	if (memory >= 0)
		close(memory);
	return same;
}

bool mountspace_has_met(const char *path, struct statx *status)
{
	struct statx own;
	uint64_t mount = look_at_mount(AT_FDCWD, path, status ? status : &own);
	return mount && is_known(mount);
}

bool mountspace_knows(pid_t tid, int fd)
{
	uint64_t mount = unique_mount(fd, ""), name_space;
	if (!mount || is_known(mount))
		return true;
	if (!is_in(0, mount)) {
		name_space = namespace_of(tid);
		if (name_space && !is_in(name_space, mount) && !is_kernels_own(fd, mount))
			return false;
	}
	remember(mount);
	return true;
}

void mountspace_trust(int fd)
{
	uint64_t mount = unique_mount(fd, "");
	if (mount)
		remember(mount);
}
