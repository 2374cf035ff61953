// PID 1 of a jail; doc.go says what it does and why it is C.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "argv.h"

#define INIT_PATH "/.jail/init" // contract.InitPath; a test compares the two
#define STORE "/nix/store"      // only to be quick about its mounts

enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct options {
	long uid, gid;  // the agent's ids; -1: no user namespace of its own
	int nesting;    // the agent may make namespaces
	int control_fd; // to the supervisor, -1 under other runtimes
	int seccomp_fd; // a compiled profile (struct sock_filter[]), or -1
	int orders_fd;  // the rest of the arguments, or -1
	int stdio[3];   // descriptors that replace 0, 1 and 2, or -1
	char **argv;    // the agent
};

static void die(const char *what)
{
	int e = errno;

	dprintf(2, "jailed-claude: jail: %s: %s\n", what, strerror(e));
	_exit(EXIT_OURS);
}

static long number(const char *flag, const char *s)
{
	char *end;

	errno = 0;
	long n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < 0) {
		dprintf(2, "jailed-claude: jail: %s wants a number, not \"%s\"\n", flag, s);
		_exit(EXIT_OURS);
	}
	return n;
}

// value returns what follows "--name=", or NULL.
static const char *value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static void parse(struct options *o, char **argv)
{
	const char *v;

	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "--")) {
			o->argv = argv + 1;
			break;
		} else if ((v = value(*argv, "--uid")))
			o->uid = number("--uid", v);
		else if ((v = value(*argv, "--gid")))
			o->gid = number("--gid", v);
		else if (!strcmp(*argv, "--nesting"))
			o->nesting = 1;
		else if ((v = value(*argv, "--control-fd")))
			o->control_fd = number("--control-fd", v);
		else if ((v = value(*argv, "--seccomp-fd")))
			o->seccomp_fd = number("--seccomp-fd", v);
		else if ((v = value(*argv, "--orders-fd")))
			o->orders_fd = number("--orders-fd", v);
		else if ((v = value(*argv, "--stdin-fd")))
			o->stdio[0] = number("--stdin-fd", v);
		else if ((v = value(*argv, "--stdout-fd")))
			o->stdio[1] = number("--stdout-fd", v);
		else if ((v = value(*argv, "--stderr-fd")))
			o->stdio[2] = number("--stderr-fd", v);
		else {
			dprintf(2, "jailed-claude: jail: unknown flag \"%s\"\n", *argv);
			_exit(EXIT_OURS);
		}
	}
}

static void complete(const struct options *o)
{
	if (!o->argv || !o->argv[0] || (o->uid < 0) != (o->gid < 0)) {
		dprintf(2, "jailed-claude: jail: usage: %s [--uid=N --gid=N] [--nesting] -- PROGRAM [ARG...]\n", INIT_PATH);
		_exit(EXIT_OURS);
	}
}

// next returns the string at *p and moves *p behind its NUL.
static char *next(char **p, const char *end)
{
	char *s = *p;

	if (s >= end) {
		errno = EINVAL;
		die("orders");
	}
	*p += strlen(s) + 1;
	return s;
}

static void *room(size_t n)
{
	void *p = calloc(n, sizeof(char *));

	if (!p)
		die("orders");
	return p;
}

// take_orders reads what config.json says of the process, which comes when this
// process already runs: the working directory, empty to stay where it is, the
// number of arguments, the arguments and the environment, a NUL behind each.
// Returns the environment.
static char **take_orders(struct options *o)
{
	struct stat st;
	ssize_t n = 0, got = 0;

	if (fstat(o->orders_fd, &st))
		die("orders");

	char *text = calloc(1, st.st_size + 1), *end = text + st.st_size;

	while (text && (n = pread(o->orders_fd, text + got, st.st_size - got, got)) > 0)
		got += n;
	if (!text || n < 0 || got < st.st_size)
		die("orders");

	char *p = text, *cwd = next(&p, end);
	long argc = number("orders", next(&p, end));
	char **argv = room(argc + 1), **envp;
	long vars = 0;

	for (long i = 0; i < argc; i++)
		argv[i] = next(&p, end);
	for (char *q = p; q < end; vars++)
		next(&q, end);
	envp = room(vars + 1);
	for (long i = 0; i < vars; i++)
		envp[i] = next(&p, end);
	if (argc < 1) {
		errno = EINVAL;
		die("orders");
	}
	if (*cwd && chdir(cwd))
		die(cwd);
	parse(o, argv);
	return envp;
}

static void install(struct sock_filter *f, size_t n, const char *what)
{
	struct sock_fprog p = { .len = n, .filter = f };

	// seccomp(2) wants no_new_privs from whoever lacks CAP_SYS_ADMIN. The
	// OCI runtime has set it already; this is for the order of events only.
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		die(what);
}

// load_profile applies the profile of config.json, compiled beforehand.
static void load_profile(int fd)
{
	static struct sock_filter prog[BPF_MAXINSNS];
	size_t got = 0;
	ssize_t n;

	while ((n = pread(fd, (char *)prog + got, sizeof(prog) - got, got)) > 0)
		got += n;
	if (n < 0)
		die("read seccomp profile");
	if (got == 0 || got % sizeof(*prog)) {
		errno = EINVAL;
		die("seccomp profile");
	}
	install(prog, got / sizeof(*prog), "load seccomp profile");
}

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "jailinit knows x86-64 and arm64"
#endif

#define NEW_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define CLONE_NEWTIME_BIT 0x80 // since kernel 5.6; unshare(2) only

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
// The low 32 bits of the first argument, on little-endian machines.
#define LOAD_ARG0 BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]))
#define EQ(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, t, f)
#define ANY(k, t, f) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, k, t, f)
#define RET(v) BPF_STMT(BPF_RET | BPF_K, v)

// forbid_namespaces is stacked on the profile of config.json, which has to let
// jailinit itself make one user namespace. clone3(2) hides its flags in memory,
// where a filter cannot look, so it does not exist: libraries then use clone.
static void forbid_namespaces(void)
{
	struct sock_filter f[] = {
		LOAD(arch),
		EQ(NATIVE, 1, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 9, 0), // x32
		EQ(__NR_setns, 7, 0),
		EQ(__NR_clone3, 7, 0),
		EQ(__NR_unshare, 3, 0),
		EQ(__NR_clone, 0, 3),
		LOAD_ARG0,
		ANY(NEW_NAMESPACES, 2, 1),
		LOAD_ARG0,
		ANY(NEW_NAMESPACES | CLONE_NEWTIME_BIT, 0, 0), // patched below
		RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_ERRNO | EPERM),
		RET(SECCOMP_RET_ERRNO | ENOSYS),
	};
	enum { UNSHARE = 11, ALLOW = 13, DENY = 14, NONE = 15 };

	// Jump offsets count from the next instruction; they are written here by
	// name, where a wrong one cannot hide.
	f[4].jt = NONE - 5;
	f[5].jt = DENY - 6;
	f[6].jt = NONE - 7;
	f[7].jt = UNSHARE - 8;
	f[8].jf = ALLOW - 9;
	f[10].jt = DENY - 11, f[10].jf = ALLOW - 11;
	f[12].jt = DENY - 13, f[12].jf = ALLOW - 13;
	install(f, sizeof(f) / sizeof(*f), "forbid namespaces");
}

// Landlock by numbers, landlock(7): the headers may be older than the kernel.
enum { LANDLOCK_CREATE = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT = 446, ASK_VERSION = 1, PATH_BENEATH = 1 };

#define WRITE_FILE (1ULL << 1)
#define MAKE_AND_REMOVE (0x1ff0ULL) // bits 4 to 12, REMOVE_DIR to MAKE_SYM
#define REFER (1ULL << 13)          // since ABI 2 (kernel 5.19)
#define TRUNCATE (1ULL << 14)       // since ABI 3 (6.2)
#define SCOPE_SIGNAL (1ULL << 1)    // since ABI 6 (6.12)

// may_write lets the domain write to a file, or in and below a folder.
static void may_write(int ruleset, int fd, unsigned long long rights)
{
	struct {
		unsigned long long rights;
		int fd;
	} __attribute__((packed)) rule = { rights, fd };
	struct stat st;

	if (fstat(fd, &st))
		return;
	if (!S_ISDIR(st.st_mode))
		rule.rights &= WRITE_FILE | TRUNCATE;
	// EBADFD: no file of a file system, a pipe for one. Landlock has no say there.
	if (syscall(LANDLOCK_ADD_RULE, ruleset, PATH_BENEATH, &rule, 0) && errno != EBADFD)
		die("add a Landlock rule");
}

// unescape undoes the octal escapes of mountinfo(5).
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (*s == '\\' && s[1] && s[2] && s[3]) {
			*to = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = 0;
}

// Where mounts can be written: their places, a NUL behind each.
static struct {
	char *text;
	size_t len, size;
} writable;

// note_mount adds a place, if what is mounted there can be written. A device can
// be, whatever its mount says.
static void note_mount(const char *place, int read_only)
{
	size_t n = strlen(place) + 1;

	if (read_only && (strncmp(place, "/dev", 4) || (place[4] && place[4] != '/')))
		return;
	if (writable.len + n > writable.size) {
		writable.size = 2 * (writable.size + n);
		if (!(writable.text = realloc(writable.text, writable.size)))
			die("remember mounts");
	}
	memcpy(writable.text + writable.len, place, n);
	writable.len += n;
}

// statmount(2) and listmount(2) by numbers, since kernel 6.8.
enum { STATMOUNT = 457, LISTMOUNT = 458, MOUNT_READ_ONLY = 1 };

#define ALL_MOUNTS (~0ULL) // LSMT_ROOT
#define BASIC 0x2          // STATMOUNT_MNT_BASIC: flags, id and parent
#define PLACE 0x10         // STATMOUNT_MNT_POINT
#define MOUNT_ID 0x4000U   // STATX_MNT_ID_UNIQUE

struct mount_request { // struct mnt_id_req, its first version
	unsigned size, spare;
	unsigned long long id, param;
};

struct mount_answer { // struct statmount
	unsigned size, options;
	unsigned long long mask, before[4], parent, old, flags, between[4];
	unsigned root, place, rest[100];
	char text[PATH_MAX];
};

// mount_of returns the id of the mount that a path is on, or 0.
static unsigned long long mount_of(const char *path)
{
	struct {
		unsigned mask, before[35];
		unsigned long long id, after[13]; // stx_mnt_id
	} st = { 0 };

	return syscall(SYS_statx, AT_FDCWD, path, 0, MOUNT_ID, &st) || !(st.mask & MOUNT_ID) ? 0 : st.id;
}

// ask_mount asks the kernel for some of what it knows of a mount.
static int ask_mount(unsigned long long id, unsigned long long what, struct mount_answer *a)
{
	struct mount_request one = { sizeof(one), 0, id, what };

	return syscall(STATMOUNT, &one, a, sizeof(*a), 0) || (a->mask & what) != what ? -1 : 0;
}

// ask_mounts asks the kernel for what is wanted of each mount, and nothing else.
// The places of mounts are what takes time, and of a store's hundreds, which are
// read-only and on the root, none is wanted. Returns -1 where the kernel, or a
// filter of system calls, has no answer.
static int ask_mounts(void)
{
	struct mount_request all = { sizeof(all), 0, ALL_MOUNTS, 0 };
	unsigned long long ids[512], root = mount_of("/"), dev = mount_of("/dev"), store = mount_of(STORE);
	struct mount_answer a;
	long n;

	if (!root || dev == root)
		root = ALL_MOUNTS; // what is in /dev may be on the root

	while ((n = syscall(LISTMOUNT, &all, ids, sizeof(ids) / sizeof(*ids), 0)) > 0) {
		for (long i = 0; i < n; i++) {
			if (ask_mount(ids[i], BASIC, &a))
				return -1;
			int read_only = a.flags & MOUNT_READ_ONLY;
			if (read_only && (a.parent == root || a.parent == store) && ids[i] != dev)
				continue;
			if (ask_mount(ids[i], PLACE, &a))
				return -1;
			note_mount(a.text + a.place, read_only);
		}
		all.param = ids[n - 1];
	}
	return n < 0 ? -1 : 0;
}

static void read_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, place[PATH_MAX], option[3];
	size_t size = 0;

	if (!f)
		die("/proc/self/mountinfo");
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s %2s", place, option) != 2)
			continue;
		unescape(place);
		note_mount(place, strcmp(option, "rw"));
	}
	free(line);
	fclose(f);
}

// note_mounts remembers where mounts can be written. Under this runtime it is
// called before the profile, which has neither of the two new system calls.
static void note_mounts(void)
{
	if (ask_mounts()) {
		writable.len = 0;
		read_mounts();
	}
}

// may_write_mounts lets the domain write where a mount of the jail can be written.
static void may_write_mounts(int ruleset, unsigned long long rights)
{
	for (char *p = writable.text; p < writable.text + writable.len; p += strlen(p) + 1) {
		int fd = open(p, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue; // out of reach, and so it may stay
		may_write(ruleset, fd, rights);
		close(fd);
	}
}

// stay_inside puts the agent into a Landlock domain, a second wall behind mounts
// and namespaces: it writes where a mount of the jail can be written and nowhere
// else, by no descriptor and by no mount that a hole might give it; it mounts
// nothing, whatever namespace it came to; and it signals, traces and reads no
// process outside of it. Reading and the network are not handled. Says whether
// the kernel has it: the first wall does not need it.
static int stay_inside(void)
{
	struct {
		unsigned long long fs, net, scoped; // struct landlock_ruleset_attr
	} attr = { WRITE_FILE | MAKE_AND_REMOVE | REFER, 0, 0 };
	long abi = syscall(LANDLOCK_CREATE, NULL, 0, ASK_VERSION);

	if (abi < 2)
		return 0; // none, or one in which no file changes its folder
	if (abi >= 3)
		attr.fs |= TRUNCATE;
	if (abi >= 6)
		attr.scoped = SCOPE_SIGNAL;
	int ruleset = syscall(LANDLOCK_CREATE, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		die("make a Landlock ruleset");
	may_write_mounts(ruleset, attr.fs);
	// What the caller gave to write may also be opened by its name in
	// /proc/self/fd; a file that it gave to read may not be.
	for (int i = 0; i < 3; i++) {
		int flags = fcntl(i, F_GETFL);
		if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
			may_write(ruleset, i, attr.fs);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(LANDLOCK_RESTRICT, ruleset, 0))
		die("enter a Landlock domain");
	close(ruleset);
	return 1;
}

// drop_capabilities empties all five sets and nails them shut: after this not
// even uid 0 of the own user namespace gets any by execve(2).
static void drop_capabilities(int own_userns)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (own_userns) {
		// A new user namespace comes with every capability, also in the
		// bounding set.
		if (prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS, 0, 0, 0))
			die("set securebits");
		for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
			if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
				die("drop bounding set");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		die("clear ambient set");
	if (syscall(SYS_capset, &h, d))
		die("drop capabilities");
}

static void write_file(int pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd))
		die(path);
}

// map_ids gives the user namespace of pid the caller's ids for uid and gid 0 of
// ours. Mapping the parent's uid 0 needs CAP_SETFCAP here (since kernel 5.12).
static void map_ids(int pid, const struct options *o)
{
	char line[64];

	write_file(pid, "setgroups", "deny");
	snprintf(line, sizeof(line), "%ld 0 1\n", o->uid);
	write_file(pid, "uid_map", line);
	snprintf(line, sizeof(line), "%ld 0 1\n", o->gid);
	write_file(pid, "gid_map", line);
}

// foreground makes pgid the foreground process group of the controlling
// terminal, if there is one. SIGTTOU is blocked or ignored by the caller.
static void foreground(pid_t pgid)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0) {
		tcsetpgrp(fd, pgid);
		close(fd);
	}
}

static void cannot_execute(const char *prog, int e)
{
	struct stat st;
	// A program that is there but gives ENOENT has a missing interpreter.
	int there = strchr(prog, '/') && !stat(prog, &st);

	dprintf(2, "jailed-claude: %s: %s%s\n", prog,
		e == ENOENT && !there ? "not found in the jail" : strerror(e),
		e == ENOENT && there ? " (its interpreter or loader is not in the jail)" : "");
	_exit(e == ENOENT && !there ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

// execute is execvp(3) without its fallback to /bin/sh for files that are no
// programs: such a file is reported, not interpreted.
static void execute(char **argv, char **envp)
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
		die("close_range");
	if (syscall(SYS_close_range, control_fd >= 0 ? keep + 1 : keep, ~0U, 0))
		die("close_range");
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

// await tells the supervisor something and waits for its answer.
static void await(int control_fd, const char *what)
{
	char c;

	if (write(control_fd, what, 1) != 1 || read(control_fd, &c, 1) != 1)
		_exit(EXIT_OURS); // the supervisor is gone, or has said why
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

static void agent(const struct options *o, int mapped, char **envp)
{
	int landlocked = 0;
	char c;
	sigset_t none;

	if (read(mapped, &c, 1) != 1)
		_exit(EXIT_OURS); // PID 1 has said why
	setpgid(0, 0);
	foreground(getpid());
	for (int i = 0; i < 3; i++)
		if (o->stdio[i] >= 0 && dup2(o->stdio[i], i) < 0)
			die("dup2");
	close_others(o->control_fd);
	refuse_folders();
	drop_capabilities(o->uid >= 0);
	if (!o->nesting) {
		// Landlock would let no sandbox of the agent's own mount anything.
		landlocked = stay_inside();
		forbid_namespaces();
	}
	// The supervisor looks at what really holds: it learns this process by the
	// credentials of the message, and answers when it is content. Of Landlock
	// /proc shows nothing, so the message says that.
	if (o->control_fd >= 0)
		await(o->control_fd, landlocked ? "L" : "R");
	default_signals();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execute(o->argv, envp);
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
		else if (WIFSTOPPED(st) && control_fd >= 0 && write(control_fd, "T", 1) < 0)
			status = EXIT_OURS; // the supervisor is gone
	}
	return status;
}

static int supervise(pid_t agent_pid, const struct options *o, const sigset_t *all)
{
	siginfo_t si;

	for (;;) {
		int sig = sigwaitinfo(all, &si);
		if (sig == SIGCHLD) {
			int status = reap(agent_pid, o->control_fd);
			if (status >= 0)
				return status;
		} else if (sig == SIGCONT) {
			foreground(agent_pid);
			kill(-agent_pid, SIGCONT);
		} else if (sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP) {
			// What a terminal would send goes to the whole job.
			kill(-agent_pid, sig);
		} else if (sig > 0 && sig != SIGTTOU && sig != SIGTTIN && sig != SIGWINCH) {
			kill(agent_pid, sig);
		}
	}
}

// let_go_of_stdio keeps PID 1 from holding pipes open that the agent closes.
static void let_go_of_stdio(const struct options *o)
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

// parent_is_gone: the supervisor died before PR_SET_PDEATHSIG could tell.
static int parent_is_gone(int control_fd)
{
	struct pollfd p = { control_fd, POLLIN, 0 };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void __attribute__((constructor)) jailinit(void)
{
	int argc;
	char **argv = jail_argv(&argc), **envp = environ;

	if (argc < 1 || strcmp(argv[0], INIT_PATH))
		return;

	struct options o = { -1, -1, 0, -1, -1, -1, { -1, -1, -1 }, NULL };
	sigset_t all;
	int mapped[2];

	parse(&o, argv);
	if (o.control_fd >= 0) {
		fcntl(o.control_fd, F_SETFD, FD_CLOEXEC);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
			die("set parent death signal");
		if (parent_is_gone(o.control_fd))
			_exit(EXIT_OURS);
		if (o.orders_fd >= 0) {
			await(o.control_fd, "M");
			envp = environ = take_orders(&o);
		}
	}
	complete(&o);
	if (!o.nesting)
		note_mounts();
	if (o.seccomp_fd >= 0)
		load_profile(o.seccomp_fd);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (pipe2(mapped, O_CLOEXEC))
		die("pipe");

	long flags = SIGCHLD | (o.uid >= 0 ? CLONE_NEWUSER : 0);
	pid_t pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid < 0)
		die("clone the agent");
	if (pid == 0) {
		close(mapped[1]);
		agent(&o, mapped[0], envp);
	}
	// As uid 0 of the container this process could be read by an agent of the
	// same uid; undumpable it is readable by nobody inside.
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		die("set undumpable");
	if (o.uid >= 0)
		map_ids(pid, &o);
	drop_capabilities(0);
	if (write(mapped[1], "", 1) != 1)
		die("pipe");
	let_go_of_stdio(&o);
	close(mapped[0]);
	close(mapped[1]);
	_exit(supervise(pid, &o, &all));
}
