// What becomes the agent: it gives up all that the agent must not have, and
// executes it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jailinit.h"

void init_foreground(pid_t pgid)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0) {
		tcsetpgrp(fd, pgid);
		close(fd);
	}
}

// follow says where the symlinks of a path end that lead to nothing; 0 if it is none.
static int follow(const char *path, char *at, size_t size)
{
	char to[4096];
	int links = 0;

	for (snprintf(at, size, "%s", path); links < 40; links++) {
		ssize_t n = readlink(at, to, sizeof(to) - 1);
		char *slash = strrchr(at, '/');
		if (n < 0)
			break;
		to[n] = 0;
		size_t dir = to[0] == '/' || !slash ? 0 : (size_t)(slash - at) + 1;
		if (dir + (size_t)n >= size)
			break;
		memcpy(at + dir, to, (size_t)n + 1);
	}
	return links;
}

// interpreter is what the first line of a script names; 0 if it is none.
static int interpreter(const char *prog, char *at, size_t size)
{
	int fd = open(prog, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, at, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 3 || memcmp(at, "#!", 2))
		return 0;
	at[n] = 0;
	memmove(at, at + 2, (size_t)n - 1);
	size_t blank = strspn(at, " \t");
	memmove(at, at + blank, strlen(at + blank) + 1);
	at[strcspn(at, " \t\r\n")] = 0;
	return at[0] == '/';
}

static void __attribute__((noreturn)) cannot_execute(const char *prog, int e)
{
	struct stat st;
	char at[8192];
	// A program that is there but gives ENOENT has a missing interpreter.
	int there = strchr(prog, '/') && !stat(prog, &st);

	if (e != ENOENT)
		dprintf(2, "jailed-claude: %s: %s\n", prog, strerror(e));
	else if (there && interpreter(prog, at, 256))
		dprintf(2, "jailed-claude: %s: its interpreter %s is not in the jail\n", prog, at);
	else if (there)
		dprintf(2, "jailed-claude: %s: %s (its interpreter or loader is not in the jail)\n", prog, strerror(e));
	else if (strchr(prog, '/') && follow(prog, at, sizeof(at)))
		dprintf(2, "jailed-claude: %s leads to %s, which is not in the jail\n", prog, at);
	else
		dprintf(2, "jailed-claude: %s: not found in the jail\n", prog);
	_exit(e == ENOENT && !there ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

// execute is execvp(3) without its fallback to /bin/sh for files that are no
// programs: such a file is reported, not interpreted.
static void __attribute__((noreturn)) execute(char **argv, char **envp)
{
	const char *prog = argv[0], *path = getenv("PATH");
	char file[4096];
	int e = ENOENT;

	if (strchr(prog, '/')) {
		execve(prog, argv, envp);
		cannot_execute(prog, errno);
	}
	for (const char *p = path ? path : ""; *prog && *p;) {
		size_t n = strcspn(p, ":");
		if (n && snprintf(file, sizeof(file), "%.*s/%s", (int)n, p, prog) < (int)sizeof(file)) {
			execve(file, argv, envp);
			if (errno != ENOENT && errno != ENOTDIR)
				e = errno;
		}
		p += n + (p[n] == ':');
	}
	cannot_execute(prog, e);
}

// close_others leaves only 0, 1, 2 and the control socket, which execve closes
// (CVE-2024-21626 was a descriptor that crossed).
static void close_others(int control_fd)
{
	unsigned keep = control_fd >= 0 ? (unsigned)control_fd : 3;

	if (keep > 3 && syscall(SYS_close_range, 3, keep - 1, 0))
		init_die("close_range");
	if (syscall(SYS_close_range, control_fd >= 0 ? keep + 1 : keep, INIT_LAST_FD, 0))
		init_die("close_range");
}

// refuse_folders: from a folder that is open, openat(2) leads to all that is in
// it, wherever that is. "claude </home" is nobody's wish.
static void refuse_folders(void)
{
	struct stat st;

	for (int i = 0; i < 3; i++)
		if (!fstat(i, &st) && S_ISDIR(st.st_mode)) {
			dprintf(2, "jailed-claude: jail: descriptor %d is a folder outside of the jail: give a file or a pipe\n", i);
			_exit(EXIT_OURS);
		}
}

// at_most lowers a limit, for good. Runtimes other than ours have it from whoever
// started them: a configuration that says a number fails where that one is lower,
// and a Pod has no field for it.
static void at_most(int resource, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(resource, &l))
		init_die("getrlimit");
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(resource, &l))
		init_die("setrlimit");
}

// default_signals undoes what the caller's shell ignores. Not by signal(3): the
// library keeps two signals for itself, and a caller can have left those
// ignored as well.
static void default_signals(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} dfl = { SIG_DFL, 0, NULL, 0 };

	for (int s = 1; s < NSIG; s++)
		syscall(SYS_rt_sigaction, s, &dfl, NULL, sizeof(dfl.mask));
}

void init_agent(const struct init_options *o, int mapped, char **envp)
{
	int landlocked = 0;
	sigset_t none;

	init_await(mapped, JAIL_MAPPED);
	if (o->debug_fd >= 0)
		dprintf(o->debug_fd, "jailed-claude: debug: message: %s\n", jail_message_text(JAIL_MAPPED));
	setpgid(0, 0);
	init_foreground(getpid());
	for (int i = 0; i < 3; i++)
		if (o->stdio[i] >= 0 && dup2(o->stdio[i], i) < 0)
			init_die("dup2");
	close_others(o->control_fd);
	refuse_folders();
	if (o->control_fd < 0) {
		at_most(RLIMIT_CORE, 0);
		at_most(RLIMIT_NOFILE, MOST_FILES);
	}
	init_drop_capabilities(o->uid >= 0);
	if (!o->nesting) {
		// Landlock would let no sandbox of the agent's own mount anything.
		landlocked = init_stay_inside(o->writable);
		init_forbid_namespaces();
	}
	// The supervisor looks at what really holds: it learns this process by the
	// credentials of the message, and answers when it is content. Of Landlock
	// /proc shows nothing, so the message says that.
	if (o->control_fd >= 0) {
		init_tell(o->control_fd, landlocked ? JAIL_READY_LANDLOCKED : JAIL_READY);
		init_await(o->control_fd, JAIL_EXECUTE);
	}
	default_signals();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execute(o->argv, envp);
}
