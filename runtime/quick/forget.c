// Gives back what a start needed and an idle supervisor does not.
#define _GNU_SOURCE
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "constructor.h"

// forget drops the pages of a program's code and constants from this process.
// They stay in the page cache; what is used comes back from there.
static int forget(struct dl_phdr_info *info, size_t size, void *arg)
{
	unsigned long page = sysconf(_SC_PAGESIZE);

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		unsigned long from = info->dlpi_addr + p->p_vaddr, to = from + p->p_memsz;

		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		from &= ~(page - 1);
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void jail_forget_code(void)
{
	dl_iterate_phdr(forget, NULL);
}
