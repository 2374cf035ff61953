// Standard descriptors that shall not enter a jail, or not unfiltered: the agent
// gets pipes in their place, and a process beside PID 1 passes on what comes. That
// process is Go (pass.go): a constructor returns in it, where it never does in
// PID 1.
//
// A terminal of the jail's own devpts stays. One of another, which runtimes that
// make no terminal hand in as it is, could be read, resized and typed into. A file
// that is open to append to could be read and truncated by its descriptor.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jailinit.h"
#include "pass.h"

struct jail_pass jail_pass = { 0, 0, { 0, 0, 0 } };

static int same(const struct stat *a, const struct stat *b) { return a->st_dev == b->st_dev && a->st_ino == b->st_ino; }

// is_outside: a terminal that is not of this jail's devpts.
static int is_outside(int fd, const struct stat *st)
{
	struct stat pts;

	return isatty(fd) && (stat("/dev/pts", &pts) || pts.st_dev != st->st_dev);
}

// need is what has to be done about a descriptor.
static enum jail_pass_how need(const struct init_options *o, int i, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return PASS_NOT;
	int outside = is_outside(fd, &st);

	if (o->own_terminal && isatty(fd))
		return PASS_NOT;

	if (i == 0)
		return outside && o->control_fd < 0 ? PASS_PLAIN : PASS_NOT;
	if (o->filter && !outside && isatty(fd)) {
		// The supervisor filters what the jail's terminal shows; nobody else does.
		if (o->control_fd >= 0)
			return PASS_NOT;
		dprintf(2, "jailed-claude: jail: the terminal filter cannot be between the runtime and a terminal that it made: give pipes (write the bundle without --terminal), or use jailed-claude run\n");
		_exit(EXIT_OURS);
	}
	if (o->filter || (outside && o->control_fd < 0))
		return PASS_FILTERED;
	int flags = fcntl(fd, F_GETFL);

	if (o->control_fd < 0 && S_ISREG(st.st_mode) && flags >= 0 && flags & O_APPEND)
		return PASS_PLAIN;
	return PASS_NOT;
}

// place moves a descriptor to where pass.go finds it.
static void place(int fd, int at)
{
	if (fd != at && dup2(fd, at) < 0)
		init_die("dup2");
}

// become makes this process the one that passes on. It has no part in the jail: no
// capability, no file to write to but these, and nobody inside may look at it.
static void become(const int *theirs, const int *ours, int ended, int ready)
{
	char *none[] = { NULL };
	int high[8];
	sigset_t all;

	for (int i = 0; i < 8; i++) {
		int fd = i < 3 ? theirs[i] : i < 6 ? ours[i - 3] : i == PASS_ENDED ? ended : ready;
		high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 64);
		if (fd >= 0 && high[i] < 0)
			init_die("fcntl");
	}
	for (int i = 0; i < 8; i++) {
		if (high[i] < 0 && (high[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
			init_die("/dev/null"); // Go wants its standard descriptors
		place(high[i], i);
	}
	if (syscall(SYS_close_range, PASS_ENDED + 2, INIT_LAST_FD, 0))
		init_die("close_range");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		init_die("set undumpable");
	init_drop_capabilities(0);
	init_stay_inside(none);
	init_forbid_namespaces();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	jail_pass.is = 1;
	// Before that the agent is not there to look.
	init_tell(PASS_ENDED + 1, JAIL_WAITS);
	close(PASS_ENDED + 1);
}

int init_pass(struct init_options *o)
{
	int theirs[3] = { -1, -1, -1 }, ours[3] = { -1, -1, -1 }, ended[2], ready[2], any = 0;
	struct stat out, err;

	for (int i = 0; i < 3; i++) {
		int fd = o->stdio[i] >= 0 ? o->stdio[i] : i, pair[2];

		jail_pass.how[i] = need(o, i, fd);
		if (jail_pass.how[i] == PASS_NOT)
			continue;
		any = 1;
		theirs[i] = fd;
		// One pipe for both keeps their lines in order.
		if (i == 2 && theirs[1] >= 0 && !fstat(theirs[1], &out) && !fstat(fd, &err) && same(&out, &err)) {
			o->stdio[2] = o->stdio[1];
			jail_pass.how[2] = PASS_NOT;
			continue;
		}
		if (pipe2(pair, O_CLOEXEC))
			init_die("pipe");
		ours[i] = pair[i > 0 ? 0 : 1];
		o->stdio[i] = pair[i > 0 ? 1 : 0];
	}
	if (!any)
		return 0;
	jail_pass.clipboard = o->filter_clipboard;
	if (pipe2(ended, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		init_die("pipe");
	o->passer = fork();
	if (o->passer < 0)
		init_die("fork");
	if (o->passer == 0) {
		become(theirs, ours, ended[0], ready[1]);
		return 1;
	}
	o->ended = ended[1];
	close(ended[0]);
	close(ready[1]);
	init_await(ready[0], JAIL_WAITS);
	close(ready[0]);
	for (int i = 0; i < 3; i++)
		if (ours[i] >= 0)
			close(ours[i]);
	for (int i = 0; i < 3; i++)
		if (theirs[i] > 2 && theirs[i] != o->stdio[i])
			close(theirs[i]);
	return 0;
}

void init_pass_end(const struct init_options *o)
{
	sigset_t all;

	if (o->passer <= 0)
		return;
	// What the agent wrote is in the pipes. Whoever reads takes the time it takes,
	// unless this process is told to end.
	close(o->ended);
	sigfillset(&all);
	while (waitpid(o->passer, NULL, WNOHANG) == 0)
		switch (sigwaitinfo(&all, NULL)) {
		case SIGTERM:
		case SIGINT:
		case SIGQUIT:
		case SIGHUP:
			return;
		}
}
