// Which commands start a jail: these are split in two before the Go runtime
// starts (runtime/quick/split.c). A flag before the command keeps one whole,
// which then takes a little longer.
#include <string.h>

#include "constructor.h"

int jail_starts_a_jail(int argc, char **argv)
{
	return argc > 1 && (!strcmp(argv[1], "run") || !strcmp(argv[1], "shell"));
}
