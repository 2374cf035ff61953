// Where mounts can be written to, for a PID 1 that nobody told: under runc, crun
// and their kin. The supervisor sends the places with the orders.
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jailinit.h"

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

// A device can be written to, whatever its mount says.
static int is_device(const char *place)
{
	return !strncmp(place, "/dev", 4) && (!place[4] || place[4] == '/');
}

char **init_find_writable(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, **all = NULL, place[PATH_MAX], option[3];
	size_t size = 0, n = 0;

	if (!f)
		init_die("/proc/self/mountinfo");
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s %2s", place, option) != 2)
			continue;
		unescape(place);
		if (strcmp(option, "rw") && !is_device(place))
			continue;
		// Room for this one and the NULL at the end.
		if (!(all = realloc(all, (n + 2) * sizeof(*all))) || !(all[n++] = strdup(place)))
			init_die("remember mounts");
		all[n] = NULL;
	}
	free(line);
	fclose(f);
	if (!all && !(all = calloc(1, sizeof(*all))))
		init_die("remember mounts");
	return all;
}
