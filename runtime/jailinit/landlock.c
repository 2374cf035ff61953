// The agent's Landlock domain, landlock(7): a second wall behind mounts and
// namespaces. The agent writes to the places that it was given and nowhere else,
// by no descriptor and by no mount that a hole might give it; it mounts nothing,
// whatever namespace it came to; and it signals, traces and reads no process
// outside of it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jailinit.h"

// By numbers: the headers may be older than the kernel.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, ASK_VERSION = 1, PATH_BENEATH = 1 };

#define WRITE_FILE (1ULL << 1)
#define MAKE_AND_REMOVE (0x1ff0ULL) // bits 4 to 12, REMOVE_DIR to MAKE_SYM
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)
#define IOCTL_DEV (1ULL << 15)
#define SCOPE_SIGNAL (1ULL << 1)

// What a rule on a file can grant. All else is of folders.
#define OF_FILES (WRITE_FILE | TRUNCATE | IOCTL_DEV)

// access is what the domain handles, by the ABI of Landlock that brought it. What
// an ABI brings and the domain does not handle has its reason here.
static const struct {
	unsigned long long fs, scoped;
} access_by_abi[] = {
	// Linux 5.13. Not EXECUTE, READ_FILE and READ_DIR: reading is for mounts.
	[1] = { WRITE_FILE | MAKE_AND_REMOVE, 0 },
	// 5.19
	[2] = { REFER, 0 },
	// 6.2
	[3] = { TRUNCATE, 0 },
	// 6.7: TCP. The network namespace and the wall in it judge by name.
	[4] = { 0, 0 },
	// 6.10
	[5] = { IOCTL_DEV, 0 },
	// 6.12. Not abstract sockets: they belong to the network namespace, and
	// "--net host" grants them.
	[6] = { 0, SCOPE_SIGNAL },
	// 6.15: what is written to the audit log.
	[7] = { 0, 0 },
	// 7.0: all threads of a process at once. This one has one.
	[8] = { 0, 0 },
	// 7.1: RESOLVE_UNIX. A socket that is granted may be on a read-only mount.
	[9] = { 0, 0 },
	// 7.2: UDP, as TCP; and what is not logged.
	[10] = { 0, 0 },
};

enum { NEWEST = sizeof(access_by_abi) / sizeof(*access_by_abi) - 1 };

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
		rule.rights &= OF_FILES;
	// EBADFD: no file of a file system, a pipe for one. Landlock has no say there.
	if (syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0) && errno != EBADFD)
		init_die("add a Landlock rule");
}

static void may_write_places(int ruleset, char *const *places, unsigned long long rights)
{
	for (; *places; places++) {
		int fd = open(*places, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue; // out of reach, and so it may stay
		may_write(ruleset, fd, rights);
		close(fd);
	}
}

int init_stay_inside(char *const *writable)
{
	struct {
		unsigned long long fs, net, scoped; // struct landlock_ruleset_attr
	} attr = { 0, 0, 0 };
	long abi = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);

	// The first wall does not need it. In ABI 1 no file changes its folder.
	if (abi < 2)
		return 0;
	for (long i = 1; i <= abi && i <= NEWEST; i++) {
		attr.fs |= access_by_abi[i].fs;
		attr.scoped |= access_by_abi[i].scoped;
	}
	int ruleset = syscall(CREATE_RULESET, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		init_die("make a Landlock ruleset");
	may_write_places(ruleset, writable, attr.fs);
	// What the caller gave to write may also be opened by its name in
	// /proc/self/fd; a file that it gave to read may not be.
	for (int i = 0; i < 3; i++) {
		int flags = fcntl(i, F_GETFL);
		if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
			may_write(ruleset, i, attr.fs);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(RESTRICT_SELF, ruleset, 0))
		init_die("enter a Landlock domain");
	close(ruleset);
	return 1;
}
