// Asks for no more huge pages, and returns for how many bytes it was asked so far.
unsigned long jail_small_pages(void);
