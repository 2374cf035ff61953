// Commands that have nothing that could be left half done go on to the real git
// at once, before the Go runtime starts (doc.go).
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "constructor.h"

// In the order of how often they are called.
static const char *const harmless[] = {
	"status", "diff", "log", "rev-parse", "add", "commit", "show", "ls-files", "config", "rev-list", "cat-file",
	"for-each-ref", "symbolic-ref", "show-ref", "merge-base", "blame", "grep", "tag", "describe", "ls-tree", "ls-remote",
	"diff-tree", "diff-index", "diff-files", "update-index", "update-ref", "hash-object", "write-tree", "commit-tree",
	"check-ignore", "check-attr", "var", "version", "help", "reflog", "shortlog", "name-rev", "count-objects", "fsck",
	"gc", "maintenance", "pack-refs", "repack", "notes", "archive", "bundle", "format-patch", "range-diff", "init", "clone",
	"clean", "fetch", "remote-https", "credential", "lfs", NULL,
};

// What only looks, of commands that are not harmless: prompts and agents ask it all
// the time. With another argument behind it, one that is alone may change something.
static const struct {
	const char *command, *sub;
	int alone;
} looks[] = {
	{"remote", "get-url", 0}, {"remote", "-v", 1}, {"branch", "--show-current", 1}, {"worktree", "list", 0}, {"stash", "list", 0},
};

// Options of git itself that have a value of their own.
static const char *const valued[] = {
	"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source", "--super-prefix", NULL,
};

static int in(const char *const *list, const char *s)
{
	for (; *list; list++)
		if (!strcmp(*list, s))
			return 1;
	return 0;
}

static int only_looks(char **a)
{
	for (size_t i = 0; a[1] && i < sizeof(looks) / sizeof(*looks); i++)
		if (!strcmp(a[0], looks[i].command) && !strcmp(a[1], looks[i].sub) && !(looks[i].alone && a[2]))
			return 1;
	return 0;
}

static int is_harmless(char **argv)
{
	char **a = argv + 1;

	while (*a && **a == '-') {
		if (in(valued, *a) && a[1])
			a++;
		a++;
	}
	if (*a && !in(harmless, *a) && !only_looks(a))
		return 0;
	for (; *a; a++) // of fetch
		if (!strncmp(*a, "--set-u", 7))
			return 0;
	return 1;
}

// next executes the git that follows on PATH.
static void next(char **argv)
{
	const char *path = getenv("PATH");
	struct stat self, st;
	char file[PATH_MAX];

	if (!path || stat("/proc/self/exe", &self) < 0)
		return;
	for (const char *end; ; path = end + 1) {
		end = strchrnul(path, ':');
		if (end != path && snprintf(file, sizeof(file), "%.*s/git", (int)(end - path), path) < (int)sizeof(file) &&
		    stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_ino != self.st_ino || st.st_dev != self.st_dev) &&
		    access(file, X_OK) == 0) {
			argv[0] = file;
			execv(file, argv);
		}
		if (!*end)
			return;
	}
}

void jail_git(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	name = name ? name + 1 : argc > 0 ? argv[0] : "";
	if (!strcmp(name, "git") && is_harmless(argv)) {
		char *before = argv[0];

		next(argv);
		argv[0] = before; // Go says why not
	}
}
