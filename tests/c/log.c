/* The log callback. */
#include "check.h"

struct heard {
  int count;
  uint32_t level;
  int has_text;
};

static void listen(void *user, uint32_t level, const char *message, size_t length) {
  struct heard *heard = user;
  heard->count++;
  heard->level = level;
  for (size_t i = 0; i + 5 < length; i++) heard->has_text |= memcmp(message + i, "Jensen", 6) == 0;
}

static void one_hears_of_opened_models_and_never_of_texts(void) {
  struct heard heard = {0, 0, 0};
  WORKS(mtl_log_set(listen, &heard, MTL_LOG_INFO, E));
  const mtl_model *model = open_model();
  CHECK(heard.count == 1 && heard.level == MTL_LOG_INFO);
  mtl_result_free(tagged(model, "Maria Jensen moved to Toronto.", ""));
  CHECK(!heard.has_text);
  mtl_model_release(model);
  WORKS(mtl_log_set(NULL, NULL, 0, E));
}

static void the_level_and_silence_hold(void) {
  struct heard heard = {0, 0, 0};
  WORKS(mtl_log_set(listen, &heard, MTL_LOG_WARN, E));
  mtl_model_release(open_model());
  WORKS(mtl_log_set(listen, &heard, MTL_LOG_INFO, E));
  WORKS(mtl_log_set(NULL, NULL, MTL_LOG_INFO, E));
  mtl_model_release(open_model());
  CHECK(heard.count == 0);
}

static void other_levels_are_refused(void) {
  FAILS(MTL_ERROR_ARGUMENT, mtl_log_set(listen, NULL, 0, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_log_set(listen, NULL, 4, E));
}

void test_log(void) {
  RUN(one_hears_of_opened_models_and_never_of_texts);
  RUN(the_level_and_silence_hold);
  RUN(other_levels_are_refused);
}
