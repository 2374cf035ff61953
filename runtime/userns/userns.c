// Enters the user and mount namespaces of a supervisor before the Go runtime
// starts: unshare(CLONE_NEWUSER) is refused to a process with threads, and a
// child process that may would stay beside this one for as long as the jail.
//
// Where the host lets this program make none, another runtime has made them and
// executes the supervisor in them (package foreign).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "constructor.h"
#include "userns.h"

struct jail_userns jail_userns;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int bad = write(fd, text, strlen(text)) < 0;
	return close(fd) || bad ? -1 : 0;
}

static int map(const char *path, unsigned id)
{
	char line[32];

	snprintf(line, sizeof(line), "0 %u 1\n", id);
	return put(path, line);
}

static long keyctl(int what, unsigned long a, unsigned long b, unsigned long c)
{
	return syscall(SYS_keyctl, what, a, b, c, 0);
}

// leave_keyring gives the caller's session keyring up for one that all jails of this
// user share: with one each, the kernel's limit of keys (200) is that of jails. It
// is empty, and says so of itself: nobody may write to it, link from it or change
// that, the user neither. So one jail tells another nothing by it.
//
// Names of keyrings belong to a user namespace, so that of the caller is the place
// for it. Where it cannot be had, each jail is made one (libcontainer).
static int leave_keyring(void)
{
	// Of keyctl_setperm(3), which are in no header of the kernel's: view and search,
	// for who has it and for the user.
	const unsigned only = 0x09090000, user_searches = 0x00080000;
	char is[128];
	unsigned perm;
	long id = keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)JAIL_KEYRING, 0, 0);

	if (id < 0)
		return 0;
	for (int again = 0; again < 2; again++) {
		long n = keyctl(KEYCTL_DESCRIBE, id, (unsigned long)is, sizeof(is));

		// Others may have one of this name that the kernel finds as well: not with
		// these permissions.
		if (n < 0 || n > (long)sizeof(is) || sscanf(is, "keyring;%*u;%*u;%x;", &perm) != 1)
			return 0;
		if (perm == only)
			return 1;
		// A new one. Nobody finds it before it is done, for now it is not searched.
		if (perm & user_searches || keyctl(KEYCTL_SETPERM, id, only, 0) < 0)
			return 0;
	}
	return 0;
}

// enter makes a user and a mount namespace, in which this process is uid 0.
static const char *enter(unsigned uid, unsigned gid)
{
	jail_userns.shares = leave_keyring();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return "unshare(CLONE_NEWUSER|CLONE_NEWNS)";
	if (put("/proc/self/setgroups", "deny"))
		return "write /proc/self/setgroups";
	if (map("/proc/self/uid_map", uid))
		return "write /proc/self/uid_map";
	if (map("/proc/self/gid_map", gid))
		return "write /proc/self/gid_map";
	return NULL;
}

// mapped reads whose id uid 0 is, of a map that has this id alone.
static int mapped(const char *path, unsigned *id)
{
	char line[128] = "";
	unsigned inside, n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	if (got < 0)
		return -1;
	if (sscanf(line, "%u %u %u", &inside, id, &n) != 3 || inside != 0 || n != 1) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

// leave takes this process out of the container in which it was executed, whose
// root has that of the host.
static const char *leave(void)
{
	const char *cwd = getenv(JAIL_CWD_ENV);

	if (mapped("/proc/self/uid_map", &jail_userns.uid))
		return "read /proc/self/uid_map";
	if (mapped("/proc/self/gid_map", &jail_userns.gid))
		return "read /proc/self/gid_map";
	if (chdir(JAIL_HOST_ROOT))
		return "chdir(" JAIL_HOST_ROOT ")";
	if (syscall(SYS_pivot_root, ".", "."))
		return "pivot_root";
	if (umount2(".", MNT_DETACH))
		return "umount2";
	if (!cwd || chdir(cwd))
		return "chdir";
	return NULL;
}

// adopted has this process end with the one that wanted it. That one says by a byte
// that its runtime has gone, and waits for one before it removes the container's
// folder, with which the kernel would remove the mounts on it.
static const char *adopted(int told, int parent)
{
	const char *step;
	char byte;
	int failed;

	if (read(told, &byte, 1) != 1)
		_exit(125);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(125);
	step = leave();
	failed = errno;
	if (write(told, &byte, 1) != 1)
		_exit(125);
	close(told);
	errno = failed;
	return step;
}

// tried is what a jail needs of these namespaces: that mounts can be changed, and a
// user namespace be made in which nobody is privileged.
static const char *tried(void)
{
	if (mount("", "/", "", MS_REC | MS_PRIVATE, ""))
		return "mount(MS_PRIVATE)";
	if (unshare(CLONE_NEWUSER))
		return "unshare(CLONE_NEWUSER)";
	return NULL;
}

void jail_enter(void)
{
	const char *stage = getenv(JAIL_STAGE_ENV), *step;
	int own = stage && !strcmp(stage, JAIL_TRIAL);
	char trial = own;
	int told, parent;

	jail_userns.supervisor = 1;
	jail_userns.uid = geteuid();
	jail_userns.gid = getegid();
	if (stage && sscanf(stage, JAIL_ADOPTED "%d:%d%c", &told, &parent, &trial) >= 2)
		step = adopted(told, parent);
	else
		step = enter(jail_userns.uid, jail_userns.gid);
	if (trial) {
		if (!step)
			step = tried();
		if (step && own)
			dprintf(2, "%d %s", errno, step);
		else if (step)
			dprintf(2, "in its namespaces: %s: %s\n", step, strerror(errno));
		_exit(step ? 1 : 0);
	}
	jail_userns.error = step ? errno : 0;
	jail_userns.step = step;
	jail_userns.entered = !step;
}
