// floor CLOSURE PROGRAM [ARG...]: the least that a jail can cost. Binds the
// paths that the file CLOSURE lists (one a line) read-only into a new root,
// adds /proc, /dev and /tmp, and runs PROGRAM there in user, mount, pid, ipc
// and uts namespaces of its own. It is the bottom line of the benchmark and
// no jail to rely on: no seccomp, no network namespace, full capabilities
// inside, no clean-up.
//
// All mounts are made detached (fsmount, open_tree) and moved into a tree
// that is not attached anywhere yet. Attributes are set once for all store
// paths (mount_setattr with AT_RECURSIVE, since kernel 5.12); fsmount and
// open_tree are from 5.2.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(long result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return (int)result;
}

static void write_file(const char *path, const char *text)
{
	int fd = check(open(path, O_WRONLY | O_CLOEXEC), path);
	check(write(fd, text, strlen(text)), path);
	close(fd);
}

// A mount of a new file system, not attached yet.
static int new_fs(const char *type, const char *mode)
{
	int fs = check(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen");
	if (mode)
		check(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0), "fsconfig mode");
	check(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig create");
	int mount = check(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0), "fsmount");
	close(fs);
	return mount;
}

static void attach(int mount, int dir, const char *name)
{
	check(syscall(SYS_move_mount, mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH), name);
	close(mount);
}

static int make_dir(int dir, const char *name)
{
	check(mkdirat(dir, name, 0755), name);
	return check(openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC), name);
}

static void bind(const char *source, int dir, const char *name)
{
	attach(check(syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), source), dir, name);
}

static void bind_closure(const char *list, int store)
{
	FILE *file = fopen(list, "re");
	char line[4096];

	if (!file)
		err(1, "%s", list);
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		const char *name = strrchr(line, '/') + 1;
		struct stat st;

		check(stat(line, &st), line);
		if (S_ISDIR(st.st_mode))
			check(mkdirat(store, name, 0755), name);
		else
			close(check(openat(store, name, O_CREAT | O_EXCL | O_CLOEXEC, 0444), name));
		bind(line, store, name);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
	char map[64];
	unsigned uid = getuid(), gid = getgid();
	int status;

	if (argc < 3)
		errx(2, "usage: floor CLOSURE PROGRAM [ARG...]");
	check(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS), "unshare");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "%u %u 1", uid, uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "%u %u 1", gid, gid);
	write_file("/proc/self/gid_map", map);

	pid_t child = check(fork(), "fork");
	if (child) {
		check(waitpid(child, &status, 0), "waitpid");
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	// The store has a mount of its own, so that one recursive call finds the
	// store paths and nothing else below it.
	int root = new_fs("tmpfs", "0755"), store = new_fs("tmpfs", "0755");
	// A detached mount can be mounted upon only since kernel 6.15: the root
	// is attached first, over a folder that nobody needs in here.
	check(syscall(SYS_move_mount, root, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH), "attach root");
	int nix = make_dir(root, "nix");
	check(mkdirat(nix, "store", 0755), "store");
	check(syscall(SYS_move_mount, store, "", nix, "store", MOVE_MOUNT_F_EMPTY_PATH), "attach store");
	bind_closure(argv[1], store);
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	check(syscall(SYS_mount_setattr, store, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only, sizeof read_only), "mount_setattr");

	check(mkdirat(root, "proc", 0755), "proc");
	attach(new_fs("proc", NULL), root, "proc");
	int dev = make_dir(root, "dev");
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		char source[32];

		snprintf(source, sizeof source, "/dev/%s", devices[i]);
		close(check(openat(dev, devices[i], O_CREAT | O_EXCL | O_CLOEXEC, 0666), devices[i]));
		bind(source, dev, devices[i]);
	}
	check(mkdirat(root, "tmp", 0755), "tmp");
	attach(new_fs("tmpfs", "1777"), root, "tmp");

	check(fchdir(root), "fchdir");
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(syscall(SYS_umount2, ".", 2 /* MNT_DETACH */), "umount");
	check(chdir("/"), "chdir");
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	execv(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
