/* A program that ends while its threads are inside the library: exit BUNDLE return|exit|abort [ONNX-RUNTIME]. It ends
   with status 7, whatever they do; "abort" shows that the test would see another end. */
#include <mtl.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, OWN_STATUS = 7, MISTAKE = 2 };

static const mtl_model *model;
static atomic_int tagged, ending;

static void *work(void *user) {
  const char *text = "Maria Jensen moved from Copenhagen to Toronto, where she works for a bakery in the old harbour.";
  mtl_batch *batch = NULL;
  if (mtl_batch_new(&batch, NULL) != MTL_OK) _exit(MISTAKE);
  for (int i = 0; i < 32; i++) mtl_batch_add_text(batch, text, strlen(text), NULL);
  for (;;) {
    mtl_result *result = NULL;
    if (mtl_tag(model, batch, NULL, NULL, &result, NULL) != MTL_OK) break;
    mtl_result_free(result);
    tagged++;
  }
  /* ONNX Runtime takes itself down first, after which it can only fail. */
  if (!ending) _exit(MISTAKE);
  pause();
  return user;
}

int main(int argc, char **argv) {
  mtl_bundle *bundle = NULL;
  mtl_env *env = NULL;
  mtl_options *options = NULL;
  pthread_t threads[THREADS];
  if (argc < 3 || mtl_bundle_open(argv[1], strlen(argv[1]), NULL, &bundle, NULL) != MTL_OK) return MISTAKE;
  if (mtl_env_new(2, &env, NULL) != MTL_OK || mtl_options_new(&options, NULL) != MTL_OK) return MISTAKE;
  if (argc > 3) {
    mtl_options_set(options, "engine", 6, "onnx", 4, NULL);
    mtl_options_set(options, "library", 7, argv[3], strlen(argv[3]), NULL);
  }
  if (mtl_model_open(bundle, options, env, &model, NULL) != MTL_OK) return MISTAKE;
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) return MISTAKE;
  struct timespec wait = {0, 1000000 + (long)getpid() % 64 * 250000}; /* each run ends at another place */
  nanosleep(&wait, NULL);
  while (tagged == 0) nanosleep(&wait, NULL);
  ending = 1;
  if (strcmp(argv[2], "abort") == 0) abort();
  if (strcmp(argv[2], "exit") == 0) exit(OWN_STATUS);
  return OWN_STATUS;
}
