// PID 1 of a jail; doc.go says what it does and why it is C. Here it comes to
// life, makes the agent, and looks after it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "constructor.h"
#include "jailinit.h"

#pragma weak jail_forget_code

jmp_buf init_to_go;

void init_die(const char *what)
{
	int e = errno;

	dprintf(2, "jailed-claude: jail: %s: %s\n", what, strerror(e));
	_exit(EXIT_OURS);
}

int init_tell(int fd, enum jail_message m)
{
	char c = m;

	return write(fd, &c, 1) == 1;
}

void init_await(int fd, enum jail_message m)
{
	char c;

	if (read(fd, &c, 1) != 1 || c != (char)m)
		_exit(EXIT_OURS);
}

// reap collects every child that changed state. It returns the exit status of
// the agent once that has ended, else -1.
static int reap(pid_t agent_pid, int control_fd)
{
	int st, status = -1;
	pid_t p;

	while ((p = waitpid(-1, &st, WNOHANG | WUNTRACED)) > 0) {
		if (p != agent_pid)
			continue;
		if (WIFEXITED(st))
			status = WEXITSTATUS(st);
		else if (WIFSIGNALED(st))
			status = 128 + WTERMSIG(st);
		else if (WIFSTOPPED(st) && control_fd >= 0 && !init_tell(control_fd, JAIL_STOPPED))
			status = EXIT_OURS; // the supervisor is gone
	}
	return status;
}

int init_supervise(pid_t agent_pid, const struct init_options *o, void (*asked)(const struct init_options *, pid_t))
{
	siginfo_t si;
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		int sig = sigwaitinfo(&all, &si);
		if (sig == SIGCHLD) {
			int status = reap(agent_pid, o->control_fd);
			if (status >= 0)
				return status;
		} else if (sig == SIGIO) {
			asked(o, agent_pid);
		} else if (sig == SIGCONT) {
			init_foreground(agent_pid);
			kill(-agent_pid, SIGCONT);
		} else if (sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP) {
			// What a terminal would send goes to the whole job.
			kill(-agent_pid, sig);
		} else if (sig > 0 && sig != SIGTTOU && sig != SIGTTIN && sig != SIGWINCH) {
			kill(agent_pid, sig);
		}
	}
}

void init_let_go_of_stdio(const struct init_options *o)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++) {
		if (o->stdio[i] >= 0)
			close(o->stdio[i]);
		if (null < 0 || dup2(null, i) < 0)
			close(i);
	}
	if (null > 2)
		close(null);
}

// die_with_parent has this process end with the supervisor, which may be gone
// already.
static void die_with_parent(int control_fd)
{
	struct pollfd p = { control_fd, POLLIN, 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		init_die("set parent death signal");
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
		_exit(EXIT_OURS);
}

// be_pid1 returns in the process that passes descriptors on.
static void be_pid1(char **argv)
{
	char **envp = environ;
	struct init_options o = INIT_NO_OPTIONS;
	sigset_t all;
	int mapped[2];

	init_parse(&o, argv);
	if (o.control_fd >= 0) {
		fcntl(o.control_fd, F_SETFD, FD_CLOEXEC);
		// A runtime that is another program ends as soon as this process is there;
		// the supervisor is its parent when the orders come.
		if (!o.adopted)
			die_with_parent(o.control_fd);
		if (o.orders_fd >= 0) {
			init_tell(o.control_fd, JAIL_WAITS);
			init_await(o.control_fd, JAIL_ORDERS);
			if (o.adopted)
				die_with_parent(o.control_fd);
			envp = environ = init_take_orders(&o);
		}
	}
	init_check(&o);
	if (!o.nesting && !o.writable)
		o.writable = init_find_writable();
	if (o.seccomp_fd < 0 && o.control_fd < 0)
		o.seccomp_fd = init_open_profile();
	if (o.seccomp_fd >= 0)
		init_load_profile(o.seccomp_fd);
	if (init_pass(&o))
		return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (pipe2(mapped, O_CLOEXEC))
		init_die("pipe");

	long flags = SIGCHLD | (o.uid >= 0 ? CLONE_NEWUSER : 0);
	pid_t pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid < 0)
		init_die("clone the agent");
	if (pid == 0) {
		close(mapped[1]);
		init_agent(&o, mapped[0], envp);
	}
	// As uid 0 of the container this process could be read by an agent of the
	// same uid; undumpable it is readable by nobody inside.
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		init_die("set undumpable");
	if (o.uid >= 0)
		init_map_ids(pid, &o);
	init_drop_capabilities(0);
	if (!init_tell(mapped[1], JAIL_MAPPED))
		init_die("pipe");
	init_let_go_of_stdio(&o);
	close(mapped[0]);
	close(mapped[1]);
	// From here on this process waits: what it maps of the program's code, which
	// is mostly Go's, is of no use to it (runtime/quick, where it is linked).
	if (jail_forget_code)
		jail_forget_code();
	int status = init_supervise(pid, &o, init_further);

	init_pass_end(&o);
	_exit(status);
}

// followed: Codex calls bwrap by where the jail's link of that name leads. That is
// for package nonamespaces, and none of these are options of PID 1.
static int followed(const char *arg)
{
	return arg && (!strcmp(arg, "--help") || !strcmp(arg, "--as-pid-1") || !strcmp(arg, "--unshare-user"));
}

void jail_pid1(int argc, char **argv)
{
	if (argc >= 1 && !strcmp(argv[0], INIT_PATH) && !followed(argv[1]) && !setjmp(init_to_go))
		be_pid1(argv);
}
