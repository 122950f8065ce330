/* libmtl beside another Rust library and two other ONNX Runtimes: beside BUNDLE [STAND_IN COPY LIBRARY]. STAND_IN is made
   of onnxruntime.c; LIBRARY is the one for libmtl, COPY the same in another file, which this program uses itself. */
#include "must.h"

#include <mtl.h>

#include <dlfcn.h>
#include <string.h>

int other_work(int panics);

/* The beginning of ONNX Runtime's C API, which only grows. */
typedef struct {
  void *create_status, *error_code, *error_message;
  void *(*create_env)(int level, const char *name, void **out_env);
} ort_api;
typedef struct {
  const ort_api *(*api)(uint32_t version);
  const char *(*version)(void);
} ort_base;

static mtl_status open_model(const char *path, const char *library, const mtl_model **out_model, mtl_error **out_error) {
  mtl_bundle *bundle = NULL;
  mtl_options *options = NULL;
  MUST(mtl_bundle_open(path, strlen(path), NULL, &bundle, NULL) == MTL_OK);
  MUST(mtl_options_new(&options, NULL) == MTL_OK);
  if (library != NULL) {
    MUST(mtl_options_set(options, "engine", 6, "onnx", 4, NULL) == MTL_OK);
    MUST(mtl_options_set(options, "library", 7, library, strlen(library), NULL) == MTL_OK);
  }
  mtl_status status = mtl_model_open(bundle, options, NULL, out_model, out_error);
  mtl_options_free(options);
  mtl_bundle_free(bundle);
  return status;
}

/* How many spans a model finds in the first task, and the sum of where they end. */
static uint32_t use(const mtl_model *model) {
  static const char text[] = "Maria Jensen moved from Copenhagen to Toronto.";
  mtl_batch *batch = NULL;
  mtl_result *result = NULL;
  mtl_spans spans = {sizeof spans, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
  uint32_t ner = 0, sum = 0;
  MUST(mtl_batch_new(&batch, NULL) == MTL_OK);
  MUST(mtl_batch_add_text(batch, text, sizeof text - 1, NULL) == MTL_OK);
  MUST(mtl_tag(model, batch, NULL, NULL, &result, NULL) == MTL_OK);
  MUST(mtl_model_task_find(model, "ner", 3, &ner, NULL) == MTL_OK);
  MUST(mtl_result_spans(result, ner, &spans, NULL) == MTL_OK && spans.count > 0);
  for (uint32_t i = 0; i < spans.count; i++) sum += 1000 + spans.end[i];
  mtl_result_free(result);
  mtl_batch_free(batch);
  return sum;
}

/* The program's own ONNX Runtimes, visible to every library that is loaded later. */
static int (*load_others(const char *stand_in, const char *copy))(void) {
  void *first = dlopen(stand_in, RTLD_NOW | RTLD_GLOBAL), *second = dlopen(copy, RTLD_NOW | RTLD_GLOBAL);
  MUST(first != NULL && second != NULL);
  const ort_base *(*get)(void) = NULL;
  *(void **)&get = dlsym(second, "OrtGetApiBase");
  MUST(get != NULL);
  void *env = NULL;
  const ort_api *api = get()->api(1);
  MUST(api != NULL && api->create_env(4, "the program's", &env) == NULL && env != NULL);
  int (*asked)(void) = NULL;
  *(void **)&asked = dlsym(first, "stand_in_asked");
  MUST(asked != NULL && asked() == 0);
  /* Whoever asks the process for ONNX Runtime gets the stand-in. */
  MUST(dlsym(dlopen(NULL, RTLD_NOW), "OrtGetApiBase") == dlsym(first, "OrtGetApiBase"));
  return asked;
}

int main(int argc, char **argv) {
  const mtl_model *native = NULL, *onnx = NULL;
  mtl_error *error = NULL;
  MUST(argc == 2 || argc == 5);
  MUST(other_work(0) == 24 && other_work(1) == -1);
  MUST(open_model(argv[1], NULL, &native, NULL) == MTL_OK);
  uint32_t found = use(native);
  MUST(other_work(1) == -1 && use(native) == found);
  if (argc == 5) {
    int (*asked)(void) = load_others(argv[2], argv[3]);
    MUST(open_model(argv[1], argv[4], &onnx, NULL) == MTL_OK && use(onnx) == found && asked() == 0);
    /* libmtl keeps to the one that it has. */
    MUST(open_model(argv[1], argv[2], &onnx, &error) == MTL_ERROR_ENGINE && use(onnx) == found && asked() == 0);
    MUST(strstr(mtl_error_message(error, NULL), argv[4]) != NULL);
    mtl_error_free(error);
    mtl_model_release(onnx);
  }
  MUST(other_work(0) == 24 && use(native) == found);
  mtl_model_release(native);
  return 0;
}
