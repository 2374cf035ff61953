int from_static(void) { return 40; }
