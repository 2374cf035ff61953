// Trick "split" (26 % of a start at 37 paths, 31 % at 300; 2026-11-28): splits a
// command that starts a jail in two before the Go runtime starts. The child
// plans the jail, where the caller is who he is, while the parent enters the
// supervisor's namespaces, starts its own Go runtime, and has libcontainer create
// the container. The plan then goes through a socket and the child ends.
//
// Relies on: two processors that are idle. Which commands are meant says the
// program itself (jail_starts_a_jail).
// Without it: the planning process executes itself again as the supervisor.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

struct jail_split jail_halves = { .peer = -1 };

// forget_environment leaves nothing of the caller's environment but what the Go
// runtime reads: there are keys in it, and /proc/PID/environ shows it. The
// vector keeps its length, for the Go runtime finds what the kernel put behind
// it by its end.
static void forget_environment(void)
{
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "GO", 2))
			memset(*e, 0, strlen(*e));
}

// Returns whether there are two now.
int jail_split(void)
{
	int s[2];

	if (jail_without("split"))
		return 0;
	// The socket must not become a standard descriptor that the caller closed.
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s))
		return 0;

	pid_t self = getpid();

	jail_place();
	pid_t child = fork();

	if (child < 0) {
		close(s[0]);
		close(s[1]);
		return 0;
	}
	jail_halves.done = 1;
	jail_be_short();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(125);
		close(s[0]);
		jail_halves.peer = s[1];
		jail_halves.other = self;
		return 1;
	}
	jail_send_away(child);
	close(s[1]);
	jail_halves.peer = s[0];
	jail_halves.other = child;
	jail_enter();
	forget_environment();
	return 1;
}
