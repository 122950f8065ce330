/* Faults that a sanitizer must report: fault address|leak|undefined. Run by tools/check_capi.py, which wants it to fail. */
#include <mtl.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  const char *fault = argc > 1 ? argv[1] : "";
  if (strcmp(fault, "address") == 0) { /* a string of the library's, read after its owner was freed */
    mtl_error *error = NULL;
    mtl_batch_new(NULL, &error);
    const char *message = mtl_error_message(error, NULL);
    mtl_error_free(error);
    puts(message);
  }
  if (strcmp(fault, "leak") == 0) { /* an object of the library's that nobody frees */
    mtl_batch *batch = NULL;
    mtl_batch_new(&batch, NULL);
    printf("%d\n", batch != NULL);
    batch = NULL;
  }
  if (strcmp(fault, "undefined") == 0) {
    volatile int largest = INT_MAX;
    printf("%d\n", largest + 1);
  }
  return 0;
}
