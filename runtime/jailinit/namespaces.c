// The agent's user namespace, and the capabilities that come with one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jailinit.h"

// All five sets are empty and stay so: after this not even uid 0 of the own user
// namespace gets any by execve(2).
void init_drop_capabilities(int own_userns)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (own_userns) {
		// A new user namespace comes with every capability, also in the
		// bounding set. gVisor refuses securebits; what they stop needs a
		// bounding set, and no_new_privs stops it too.
		if (prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS, 0, 0, 0) && errno != EINVAL && errno != EPERM)
			init_die("set securebits");
		for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
			if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
				init_die("drop bounding set");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		init_die("clear ambient set");
	if (syscall(SYS_capset, &h, d))
		init_die("drop capabilities");
}

static void write_file(int pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd))
		init_die(path);
}

// The agent's ids stand for uid and gid 0 of the container. Mapping the parent's
// uid 0 needs CAP_SETFCAP here (since kernel 5.12).
void init_map_ids(int pid, const struct init_options *o)
{
	char line[64];

	write_file(pid, "setgroups", "deny");
	snprintf(line, sizeof(line), "%ld 0 1\n", o->uid);
	write_file(pid, "uid_map", line);
	snprintf(line, sizeof(line), "%ld 0 1\n", o->gid);
	write_file(pid, "gid_map", line);
}
