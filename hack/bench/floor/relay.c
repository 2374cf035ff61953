// relay PROGRAM [ARG...]: the least that a terminal relay can do. Runs PROGRAM
// on a new pseudo-terminal and copies, one process for each direction, without
// looking at anything. The bottom line for the throughput of a terminal.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void copy(int from, int to)
{
	static char buf[64 << 10];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(to, buf + done, n - done)) < 0)
				return;
}

int main(int argc, char **argv)
{
	struct termios t;
	int status;

	if (argc < 2)
		errx(2, "usage: relay PROGRAM [ARG...]");
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master))
		err(1, "pseudo-terminal");
	pid_t child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		setsid();
		int slave = open(ptsname(master), O_RDWR);
		if (slave < 0 || ioctl(slave, TIOCSCTTY, 0))
			err(1, "slave");
		dup2(slave, 0), dup2(slave, 1), dup2(slave, 2);
		execv(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (!tcgetattr(0, &t)) {
		cfmakeraw(&t);
		tcsetattr(0, TCSADRAIN, &t);
	}
	pid_t keys = fork();
	if (!keys) {
		copy(0, master);
		_exit(0);
	}
	copy(master, 1); // until EIO, when the last slave is closed
	kill(keys, SIGKILL);
	if (waitpid(child, &status, 0) < 0)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
