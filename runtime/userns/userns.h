// What jail_enter did, for Go to read.
struct jail_userns {
	int supervisor;   // this process is one
	int entered;      // all of it
	int error;        // errno of the step that failed
	const char *step; // its name
	unsigned uid;     // the caller's, which is 0 in the user namespace
	unsigned gid;     // the same
};

extern struct jail_userns jail_userns;
