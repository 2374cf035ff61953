// What jail_enter did, for Go to read.
struct jail_userns {
	int supervisor;   // this process is one
	int entered;      // all of it
	int error;        // errno of the step that failed
	const char *step; // its name
	unsigned uid;     // the caller's, which is 0 in the user namespace
	unsigned gid;     // the same
	int shares;       // it has the session keyring of all jails of this user
};

extern struct jail_userns jail_userns;

// A stage that begins so is a supervisor that another runtime executes in the
// namespaces it made: the socket on which it is said when that runtime has gone, a colon,
// and the process that wanted it. With a letter behind, it is only tried.
#define JAIL_ADOPTED "adopted:"
// Another one is tried where this program makes the namespaces itself.
#define JAIL_TRIAL "trial"
// The folder of that container's root that is the host's, and the one to go to in it.
#define JAIL_HOST_ROOT "/host"
// The session keyring of all jails of a user.
#define JAIL_KEYRING "jailed-claude"
#define JAIL_CWD_ENV "_JAILED_CLAUDE_CWD"
