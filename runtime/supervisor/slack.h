// Raises the timer slack of this thread, and so of those that it starts.
void jail_be_late(void);

// Gives this thread the timer slack back that the process was started with.
void jail_be_punctual(void);
