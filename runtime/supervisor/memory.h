void jail_forget_code(void);
