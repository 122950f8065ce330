/* Faults that a sanitizer or Valgrind must report: fault address|leak|undefined|uninitialised|race. Run by
   tools/check_runtime.py, which wants it to fail. */
#include <mtl.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string of the library's, read after its owner was freed. */
static void address(void) {
  mtl_error *error = NULL;
  mtl_batch_new(NULL, &error);
  const char *message = mtl_error_message(error, NULL);
  mtl_error_free(error);
  puts(message);
}

/* An object of the library's that nobody frees. */
static void leak(void) {
  mtl_batch *batch = NULL;
  mtl_batch_new(&batch, NULL);
  printf("%d\n", batch != NULL);
  batch = NULL;
}

static void undefined(void) {
  volatile int largest = INT_MAX;
  printf("%d\n", largest + 1);
}

/* The library looks at bytes that nobody has written. */
static void uninitialised(void) {
  char *key = malloc(5);
  mtl_options *options = NULL;
  mtl_options_new(&options, NULL);
  mtl_options_set(options, key, 5, "", 0, NULL);
  mtl_options_free(options);
  free(key);
}

static void *count(void *batch) {
  printf("%zu\n", mtl_batch_count(batch));
  return NULL;
}

/* The library reads in one thread what it writes in another, as the header forbids the host to have it done. */
static void race(void) {
  mtl_batch *batch = NULL;
  pthread_t thread;
  mtl_batch_new(&batch, NULL);
  pthread_create(&thread, NULL, count, batch);
  mtl_batch_add_text(batch, "Ada", 3, NULL);
  pthread_join(thread, NULL);
  mtl_batch_free(batch);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*commit)(void);
  } faults[] = {{"address", address},
                {"leak", leak},
                {"undefined", undefined},
                {"uninitialised", uninitialised},
                {"race", race}};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (argc > 1 && strcmp(argv[1], faults[i].name) == 0) faults[i].commit();
  return 0;
}
