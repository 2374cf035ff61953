// Splits "run" and "shell" in two before the Go runtime starts: the child
// plans the jail, where the caller is who he is, while the parent already
// enters the supervisor's namespaces and starts its own runtime. The plan then
// goes through a socket and the child ends, so one process stays, without a
// second start after the first: some milliseconds of every jail's start.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "userns.h"

// The strings of the environment as the kernel knows them.
static char *area;
static size_t area_len;

static int starts_a_jail(int argc, char **argv)
{
	return argc > 1 && argv[1] && (!strcmp(argv[1], "run") || !strcmp(argv[1], "shell"));
}

// become makes the environment that of a supervisor. Nothing of the caller's
// stays but what the Go runtime reads: there are keys in it, and
// /proc/PID/environ shows it. The vector keeps its length, for the Go runtime
// finds what the kernel put behind it by its end.
//
// A start of thousands of paths would collect garbage, of which there is none
// yet; when it is over, shrink in memory.go takes that back.
static void become(char **envp)
{
	char *ours[] = { JAIL_STAGE_ENV "=supervisor", "GOGC=" JAIL_START_GOGC };
	int n = getenv("GOGC") ? 1 : 2;

	for (int i = 0, next = 0; envp[i]; i++) {
		if (!strncmp(envp[i], "GO", 2))
			envp[i] = strdup(envp[i]);
		else
			envp[i] = next < n ? ours[next++] : "";
	}
	memset(area, 0, area_len);
}

// A supervisor's /proc/PID/environ says which jail it is of. That has to fit
// where the caller's environment was: so much, and the project's path.
enum { ENOUGH = 192 };

void jail_split(int argc, char **argv, char **envp)
{
	int s[2];

	if (!starts_a_jail(argc, argv) || !envp || !envp[0])
		return;
	area = envp[0];
	for (int i = 0; envp[i]; i++) {
		// The kernel lays them one behind the other.
		if (envp[i] != area + area_len)
			return;
		area_len += strlen(envp[i]) + 1;
	}
	// The socket must not become a standard descriptor that the caller closed.
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return;

	char *cwd = getcwd(NULL, 0);
	size_t enough = ENOUGH + (cwd ? strlen(cwd) : 0);

	free(cwd);
	if (area_len < enough || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s))
		return;

	pid_t self = getpid();

	jail_choose();
	pid_t child = fork();

	if (child < 0) {
		close(s[0]);
		close(s[1]);
		return;
	}
	jail_userns.split = 1;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(125);
		close(s[0]);
		jail_userns.peer = s[1];
		jail_userns.other = self;
		return;
	}
	jail_send_away(child);
	close(s[1]);
	jail_userns.peer = s[0];
	jail_userns.other = child;
	jail_enter();
	become(envp);
}

void jail_describe(const char *text, unsigned long len)
{
	if (area)
		memcpy(area, text, len < area_len ? len : area_len - 1);
}
