#define JAIL_STAGE_ENV "_JAILED_CLAUDE_STAGE"
// libcontainer sets it for its init.
#define JAIL_INIT_ENV "_LIBCONTAINER_INITPIPE"

// What the constructor did, for Go to read.
struct jail_userns {
	int entered;
	int error;        // errno of the step that failed
	const char *step; // its name
	int split;        // this process was split in two (see split.c)
	int peer;         // a socket to the other half, or -1
	int other;        // PID of the other half
};

extern struct jail_userns jail_userns;

// Enters the namespaces of a supervisor and notes in jail_userns how far it got.
void jail_enter(void);

// Splits a process that is about to start a jail.
void jail_split(int argc, char **argv, char **envp);

// Makes the table of descriptors as large as a start may need it.
void jail_make_room(void);

// Writes strings, each with its NUL, where /proc/PID/environ is read from.
void jail_describe(const char *text, unsigned long len);
