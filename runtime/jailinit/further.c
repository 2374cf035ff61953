// A further program in a running jail ("exec"). PID 1 forks a leader for it, which
// inherits all that holds inside: namespaces, the profile of system calls, limits,
// no capability. The leader clones what becomes the program as PID 1 has cloned
// the agent, and looks after it as PID 1 does.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "jailinit.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

// Orders, and standard descriptors that are no terminal.
enum { MOST = 4 };

union room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * MOST)];
};

// receive takes a message and its descriptors. Returns how many these are, or -1
// where there is none.
static int receive(int from, int flags, enum jail_message *m, int *fds)
{
	union room oob;
	char c;
	struct iovec v = { &c, 1 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &oob, .msg_controllen = sizeof(oob) };
	int n = 0;

	if (recvmsg(from, &h, flags | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	*m = c;
	for (struct cmsghdr *p = CMSG_FIRSTHDR(&h); p; p = CMSG_NXTHDR(&h, p))
		if (p->cmsg_level == SOL_SOCKET && p->cmsg_type == SCM_RIGHTS) {
			n = (p->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(p), n * sizeof(int));
		}
	return n;
}

// send_terminal sends the master of a terminal.
static void send_terminal(int to, int master)
{
	union room oob;
	char c = JAIL_TERMINAL;
	struct iovec v = { &c, 1 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &oob, .msg_controllen = CMSG_SPACE(sizeof(int)) };
	struct cmsghdr *p = CMSG_FIRSTHDR(&h);

	p->cmsg_level = SOL_SOCKET;
	p->cmsg_type = SCM_RIGHTS;
	p->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(p), &master, sizeof(int));
	if (sendmsg(to, &h, MSG_NOSIGNAL) != 1)
		_exit(EXIT_OURS);
}

// open_terminal makes a terminal of the jail, in which this session is. None of
// the caller's enters.
static void open_terminal(int control_fd)
{
	int locked = 0, slave = -1, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master >= 0 && !ioctl(master, TIOCSPTLCK, &locked))
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0))
		init_die("open a terminal");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			init_die("dup2");
	send_terminal(control_fd, master);
	close(master);
	close(slave);
}

// hung_up: whoever asked for the program is gone. It learns that as from a
// terminal that closes.
static void hung_up(const struct init_options *o, pid_t program)
{
	struct pollfd p = { o->control_fd, POLLIN, 0 };

	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR))) {
		kill(-program, SIGHUP);
		kill(-program, SIGCONT);
	}
}

static void __attribute__((noreturn)) lead(int fd)
{
	struct init_options o = INIT_NO_OPTIONS;
	enum jail_message m;
	int fds[MOST], n;

	o.control_fd = fd;
	setsid();
	if (!init_tell(fd, JAIL_WAITS))
		_exit(EXIT_OURS);
	n = receive(fd, 0, &m, fds);
	if (n < 1 || m != JAIL_ORDERS)
		_exit(EXIT_OURS);
	o.orders_fd = fds[0];

	char **envp = environ = init_take_orders(&o);

	init_check(&o);
	if (o.terminal)
		open_terminal(fd);
	// The orders say which of the descriptors that came.
	for (int i = 0; i < 3; i++) {
		if (o.stdio[i] < 0)
			continue;
		if (o.stdio[i] < 1 || o.stdio[i] >= n)
			_exit(EXIT_OURS);
		o.stdio[i] = fds[o.stdio[i]];
		if (dup2(o.stdio[i], i) < 0)
			init_die("dup2");
	}

	if (init_pass(&o))
		longjmp(init_to_go, 1);

	pid_t pid = syscall(SYS_clone, SIGCHLD | (o.uid >= 0 ? CLONE_NEWUSER : 0), 0, 0, 0, 0);
	if (pid < 0)
		init_die("clone the program");
	if (pid == 0) {
		// The supervisor gives it its ids: PID 1 has no capability any more.
		init_tell(fd, JAIL_CLONED);
		init_agent(&o, fd, envp);
	}
	init_let_go_of_stdio(&o);
	close(o.orders_fd);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_RDWR | O_ASYNC);
	hung_up(&o, pid);

	char exited[2] = { JAIL_EXITED, init_supervise(pid, &o, hung_up) };

	init_pass_end(&o);

	if (write(fd, exited, sizeof(exited)) < 0)
		_exit(EXIT_OURS);
	_exit((unsigned char)exited[1]);
}

void init_further(const struct init_options *o, pid_t agent)
{
	enum jail_message m;
	int fds[MOST], n;

	(void)agent;
	if (o->control_fd < 0)
		return;
	while ((n = receive(o->control_fd, MSG_DONTWAIT, &m, fds)) >= 0) {
		// Where it cannot be forked the supervisor sees the socket close.
		if (n == 1 && m == JAIL_FURTHER && syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
			close(o->control_fd);
			lead(fds[0]);
		}
		while (n > 0)
			close(fds[--n]);
	}
}
