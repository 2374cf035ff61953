// argv[0] of the janitor.
#define JAIL_JANITOR "jailed-claude: cgroup janitor"

// Its descriptor of the supervisor's process.
#define JAIL_JANITOR_PIDFD 3
