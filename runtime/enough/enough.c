// What a start needs of memory and tasks, before the Go runtime asks for it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "constructor.h"

enum {
	EXIT_OURS = 125,
	// MiB: the Go runtime reserves most of the first and uses little of it.
	ADDRESSES = 896,
	DATA = 128,
	// The plan and the profile that one half hands to the other, and the log.
	FILES = 16,
	// Processes and threads of both halves, and of libcontainer's init, at once.
	TASKS = 32,
	// Below that many it is tried whether there are as many: others count too.
	FEW = 1024,
};

static void __attribute__((noreturn)) refuse(const char *what, const char *hint)
{
	dprintf(2, "jailed-claude: %s\njailed-claude: hint: %s\n", what, hint);
	_exit(EXIT_OURS);
}

static void need(int resource, long mib, const char *what, const char *hint)
{
	struct rlimit l;
	char text[128];

	if (getrlimit(resource, &l) || l.rlim_cur == RLIM_INFINITY || l.rlim_cur >= (rlim_t)mib << 20)
		return;
	snprintf(text, sizeof(text), "%s is limited to %lu MiB, and %ld are needed", what, (unsigned long)(l.rlim_cur >> 20), mib);
	refuse(text, hint);
}

// slurp reads the beginning of a file; "" if there is none.
static char *slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

// few: a cgroup of this process, or one above it, lets only few tasks be.
static int few(void)
{
	char text[4096], path[4096 + 64], number[32], *save = NULL;

	slurp("/proc/self/cgroup", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *kind = strchr(line, ':'), *at = kind ? strchr(kind + 1, ':') : NULL;

		if (!at || (strncmp(kind, "::", 2) && !strstr(kind, "pids")))
			continue;
		int base = snprintf(path, sizeof(path), "/sys/fs/cgroup%s", strncmp(kind, "::", 2) ? "/pids" : "");
		snprintf(path + base, sizeof(path) - base - sizeof("/pids.max"), "%s", at + 1);
		for (char *end = path + strlen(path); end > path + base; end = strrchr(path, '/')) {
			strcpy(end, "/pids.max");
			slurp(path, number, sizeof(number));
			if (number[0] >= '0' && number[0] <= '9' && atol(number) < FEW)
				return 1;
			*end = 0;
		}
	}
	return 0;
}

// tasks tries whether there can be as many as are needed.
static void tasks(void)
{
	struct rlimit l;
	int hold[2], n = 0;
	pid_t made[TASKS];
	char text[128];

	if ((getrlimit(RLIMIT_NPROC, &l) || l.rlim_cur >= FEW) && !few())
		return;
	if (pipe2(hold, O_CLOEXEC))
		return;
	for (; n < TASKS; n++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			close(hold[1]);
			(void)!read(hold[0], text, 1);
			_exit(0);
		}
		made[n] = pid;
	}
	close(hold[0]);
	close(hold[1]);
	for (int i = 0; i < n; i++)
		while (waitpid(made[i], NULL, 0) < 0 && errno == EINTR)
			;
	if (n == TASKS)
		return;
	snprintf(text, sizeof(text), "only %d more processes and threads may be made, and %d are needed for a start", n, TASKS);
	refuse(text, "to allow more: ulimit -u unlimited, or a higher pids.max (TasksMax=) of the cgroup");
}

void jail_enough(void)
{
	need(RLIMIT_AS, ADDRESSES, "the address space", "to allow more: ulimit -v unlimited");
	need(RLIMIT_DATA, DATA, "the memory for data", "to allow more: ulimit -d unlimited");
	need(RLIMIT_FSIZE, FILES, "the size of files", "to allow more: ulimit -f unlimited");
	tasks();
}
