// What PID 1 is told: by its arguments, and by the orders that come when it
// already runs.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jailinit.h"

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

void init_parse(struct init_options *o, char **argv)
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
		else if ((v = value(*argv, "--debug-fd")))
			o->debug_fd = number("--debug-fd", v);
		else if (!strcmp(*argv, "--filter-output"))
			o->filter = 1;
		else if (!strcmp(*argv, "--filter-output=clipboard"))
			o->filter = o->filter_clipboard = 1;
		else if (!strcmp(*argv, "--terminal-is-own"))
			o->own_terminal = 1;
		else if (!strcmp(*argv, "--adopted"))
			o->adopted = 1;
		else if (!strcmp(*argv, "--terminal"))
			o->terminal = 1;
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

void init_check(const struct init_options *o)
{
	if (!o->argv || !o->argv[0] || (o->uid < 0) != (o->gid < 0)) {
		dprintf(2, "jailed-claude: jail: usage: %s [--uid=N --gid=N] [--nesting] [--filter-output] -- PROGRAM [ARG...]\n", INIT_PATH);
		_exit(EXIT_OURS);
	}
}

// next returns the string at *p and moves *p behind its NUL.
static char *next(char **p, const char *end)
{
	char *s = *p;

	if (s >= end) {
		errno = EINVAL;
		init_die("orders");
	}
	*p += strlen(s) + 1;
	return s;
}

static void *room(size_t n)
{
	void *p = calloc(n, sizeof(char *));

	if (!p)
		init_die("orders");
	return p;
}

// list reads a number and as many strings. Each takes a byte at least, so a
// number that is larger than what is left is wrong.
static char **list(char **p, const char *end)
{
	long n = number("orders", next(p, end));

	if (n > end - *p) {
		errno = EINVAL;
		init_die("orders");
	}
	char **all = room(n + 1);
	for (long i = 0; i < n; i++)
		all[i] = next(p, end);
	return all;
}

// The orders are strings with a NUL behind each: the working directory, or an
// empty string to stay where it is; the umask; the number of places that the agent may write
// to, and these; the number of arguments, and these; the environment.
char **init_take_orders(struct init_options *o)
{
	struct stat st;
	ssize_t n = 0, got = 0;

	if (fstat(o->orders_fd, &st))
		init_die("orders");

	char *text = calloc(1, st.st_size + 1), *end = text + st.st_size;

	while (text && (n = pread(o->orders_fd, text + got, st.st_size - got, got)) > 0)
		got += n;
	if (!text || n < 0 || got < st.st_size)
		init_die("orders");

	char *p = text, *cwd = next(&p, end), **argv, **envp;
	long vars = 0;

	umask(number("orders", next(&p, end)));
	o->writable = list(&p, end);
	argv = list(&p, end);
	for (char *q = p; q < end; vars++)
		next(&q, end);
	envp = room(vars + 1);
	for (long i = 0; i < vars; i++)
		envp[i] = next(&p, end);
	if (!argv[0]) {
		errno = EINVAL;
		init_die("orders");
	}
	if (*cwd && chdir(cwd))
		init_die(cwd);
	init_parse(o, argv);
	return envp;
}
