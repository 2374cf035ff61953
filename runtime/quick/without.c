// Which tricks a test or a measurement has switched off. GOJAIL_WITHOUT has a
// meaning in a program with faults alone (runtime/fault): in a release there is
// no switch, and no variable to look for.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

#ifdef JAIL_FAULTS
// The variable of whoever started libcontainer's init, which gets another
// environment than its parent's.
static const char *of_parent(void)
{
	static char text[1 << 16];
	char path[32];
	size_t got = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", getppid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, text + got, sizeof(text) - 1 - got)) > 0)
		got += n;
	close(fd);
	for (const char *p = text; p < text + got; p += strlen(p) + 1)
		if (!strncmp(p, "GOJAIL_WITHOUT=", 15))
			return p + 15;
	return NULL;
}

int jail_without(const char *trick)
{
	static const char *list;
	size_t len = strlen(trick);

	if (!list)
		list = getenv(JAIL_INIT_ENV) ? of_parent() : getenv("GOJAIL_WITHOUT");
	if (!list)
		list = "";
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if ((strcspn(p, ",") == len && !strncmp(p, trick, len)) || !strncmp(p, "all", 3))
			return 1;
	return 0;
}
#else
int jail_without(const char *trick)
{
	(void)trick;
	return 0;
}
#endif
