// Asks for huge pages where the Go runtime puts its heap, before it does. It
// maps memory with the C library's mmap (x_cgo_mmap in runtime/cgo), and in a
// static program the name is this one's.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap.h"

// HUGE is the size of a huge page, and what they are aligned to, on x86-64 and
// on arm64 with pages of 4 KiB. Elsewhere the advice changes nothing.
#define HUGE (2ul << 20)

// A heap grows in steps of 4 MiB (pallocChunkBytes in runtime/mpagealloc.go).
// Nothing else in the runtime is mapped so, at such an address and so large.
static int is_heap(const void *p, size_t len, int prot, int flags)
{
	return prot == (PROT_READ | PROT_WRITE) && flags == (MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED) &&
	       len >= HUGE && !((unsigned long)p % HUGE);
}

// What jail_small_pages has to take back; a start needs one or two, of
// thousands of store paths some more. What finds no place here stays small.
static struct { void *p; size_t len; } asked[32];
static int n;

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);

	if (p == MAP_FAILED || !is_heap(p, len, prot, flags))
		return p;

	int i = __atomic_load_n(&n, __ATOMIC_RELAXED);

	// The Go runtime grows its heap under a lock.
	if (i >= 0 && i < (int)(sizeof(asked) / sizeof(*asked))) {
		asked[i].p = p;
		asked[i].len = len;
		__atomic_store_n(&n, i + 1, __ATOMIC_RELEASE);
		madvise(p, len, MADV_HUGEPAGE);
	}
	return p;
}

unsigned long jail_small_pages(void)
{
	int had = __atomic_exchange_n(&n, -1, __ATOMIC_ACQUIRE);
	unsigned long all = 0;

	for (int i = 0; i < had; i++) {
		madvise(asked[i].p, asked[i].len, MADV_NOHUGEPAGE);
		all += asked[i].len;
	}
	return all;
}
