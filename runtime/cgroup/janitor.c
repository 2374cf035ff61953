// Removes the cgroups of a jail when its supervisor is gone, also after
// kill -9, which the supervisor cannot do. It never gets as far as a Go runtime:
// this process waits as long as the jail runs.
//
//	argv: JAIL_JANITOR CGROUP HOME UNDO
//
// CGROUP is the jail's, in whose part "supervisor" this process is too. HOME is
// where the supervisor came from. UNDO is for the cgroup.subtree_control of
// both, or empty.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "constructor.h"
#include "janitor.h"

static void put(const char *dir, const char *file, const char *text)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, file);

	if (n < 0 || n >= (int)sizeof(path))
		return;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	// What fails here shows in the rmdir that follows.
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

// Folders of cgroups alone can be removed; the files go with them.
static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_DP)
		rmdir(path);
	return 0;
}

static int gone(const char *dir)
{
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	return access(dir, F_OK) && errno == ENOENT;
}

void jail_janitor(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[0], JAIL_JANITOR))
		return;

	const char *dir = argv[1], *home = argv[2], *undo = argv[3];
	struct pollfd supervisor = { .fd = JAIL_JANITOR_PIDFD, .events = POLLIN };
	char jail[4096];
	int n = snprintf(jail, sizeof(jail), "%s/jail", dir);

	if (n < 0 || n >= (int)sizeof(jail))
		_exit(125);
	// Whoever asks all to end asks the supervisor too.
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (poll(&supervisor, 1, -1) < 0 && errno == EINTR)
		;
	put(jail, "cgroup.kill", "1"); // since kernel 5.14; its PID 1 dies anyway
	for (int i = 0; i < 5000 && !gone(jail); i++)
		usleep(2000);
	if (*undo) {
		put(dir, "cgroup.subtree_control", undo);
		put(home, "cgroup.subtree_control", undo);
	}
	put(home, "cgroup.procs", "0");
	for (int i = 0; i < 500 && !gone(dir); i++)
		usleep(2000); // the supervisor may be a zombie still
	_exit(0);
}
