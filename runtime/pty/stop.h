// jail_stop_job stops the caller's process group, and returns when it has been
// continued, or at once if it is one that cannot be stopped.
void jail_stop_job(void);
