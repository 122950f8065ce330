/* A library that says it is an ONNX Runtime too old for libmtl, and counts how often it was asked. */
#include <stddef.h>

static int asked;

static const void *api(unsigned version) {
  (void)version;
  return NULL;
}

static const char *version(void) { return "1.10.0"; }

static const struct {
  const void *(*api)(unsigned);
  const char *(*version)(void);
} base = {api, version};

const void *OrtGetApiBase(void) {
  asked++;
  return &base;
}

int stand_in_asked(void) { return asked; }
