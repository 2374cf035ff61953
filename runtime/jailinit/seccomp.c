// The two filters of system calls: the profile of config.json, and the one that
// forbids namespaces.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jailinit.h"

static void install(struct sock_filter *f, size_t n, const char *what)
{
	struct sock_fprog p = { .len = n, .filter = f };

	// seccomp(2) wants no_new_privs from whoever lacks CAP_SYS_ADMIN. The
	// OCI runtime has set it already; this is for the order of events only.
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		init_die(what);
}

void init_load_profile(int fd)
{
	static struct sock_filter prog[BPF_MAXINSNS];
	size_t got = 0;
	ssize_t n;

	while ((n = pread(fd, (char *)prog + got, sizeof(prog) - got, got)) > 0)
		got += n;
	if (n < 0)
		init_die("read seccomp profile");
	if (got == 0 || got % sizeof(*prog)) {
		errno = EINVAL;
		init_die("seccomp profile");
	}
	install(prog, got / sizeof(*prog), "load seccomp profile");
}

// An engine that runs an image, such as podman or a kubelet, has its own idea of a
// profile; that of the jail lies in the image. A bundle has none there: its runtime
// is told.
int init_open_profile(void)
{
	int fd = open(PROFILE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		init_die(PROFILE_PATH);
	return fd;
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

// The second filter is stacked on the profile of config.json, which has to let
// jailinit itself make one user namespace. clone3(2) hides its flags in memory,
// where a filter cannot look, so it does not exist: libraries then use clone.
void init_forbid_namespaces(void)
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
