#define JAIL_STAGE_ENV "_JAILED_CLAUDE_STAGE"

// What the constructor did, for Go to read.
struct jail_userns {
	int entered;
	int error;        // errno of the step that failed
	const char *step; // its name
};

extern struct jail_userns jail_userns;
