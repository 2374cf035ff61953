// What C programs and their tests do: threads, children, shared memory,
// temporary files, a program made and started at run time.
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int from_static(void);
int from_shared(void);

static void *add(void *sum) {
  __atomic_add_fetch((int *)sum, from_static() + from_shared(), __ATOMIC_SEQ_CST);
  return NULL;
}

int main(void) {
  int fd = shm_open("/sums", O_CREAT | O_RDWR, 0600);
  if (fd < 0 || ftruncate(fd, 4096) != 0) { perror("shm_open"); return 1; }
  int *sum = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (sum == MAP_FAILED) { perror("mmap"); return 1; }

  pthread_t threads[8];
  for (int i = 0; i < 8; i++)
    if (pthread_create(&threads[i], NULL, add, sum) != 0) { perror("pthread_create"); return 1; }
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);

  pid_t child = fork();
  if (child == 0) { add(sum); _exit(0); }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) { perror("fork"); return 1; }

  char script[] = "/tmp/script.XXXXXX";
  int out = mkstemp(script);
  if (out < 0 || dprintf(out, "#!/bin/sh\nexit 7\n") < 0 || fchmod(out, 0700) != 0 || close(out) != 0) { perror(script); return 1; }
  if (WEXITSTATUS(system(script)) != 7) { fprintf(stderr, "%s does not run\n", script); return 1; }
  unlink(script);
  shm_unlink("/sums");
  printf("c: %d\n", *sum);
  return *sum == 9 * 42 ? 0 : 1;
}
