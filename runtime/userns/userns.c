// Enters the user and mount namespaces of a supervisor before the Go runtime
// starts: unshare(CLONE_NEWUSER) is refused to a process with threads, and a
// child process that may would stay beside this one for as long as the jail.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
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

void jail_enter(void)
{
	unsigned uid = geteuid(), gid = getegid();
	const char *step = NULL;

	jail_userns.supervisor = 1;
	jail_userns.uid = uid;
	jail_userns.gid = gid;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		step = "unshare(CLONE_NEWUSER|CLONE_NEWNS)";
	else if (put("/proc/self/setgroups", "deny"))
		step = "write /proc/self/setgroups";
	else if (map("/proc/self/uid_map", uid))
		step = "write /proc/self/uid_map";
	else if (map("/proc/self/gid_map", gid))
		step = "write /proc/self/gid_map";
	jail_userns.error = step ? errno : 0;
	jail_userns.step = step;
	jail_userns.entered = !step;
}
