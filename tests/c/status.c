/* Status codes: their numbers are for ever. */
#include "check.h"

static void names_and_numbers_stay(void) {
  static const struct {
    int32_t number;
    const char *name;
  } table[] = {
      {0, "MTL_OK"},
      {1, "MTL_ERROR_ARGUMENT"},
      {2, "MTL_ERROR_INPUT"},
      {3, "MTL_ERROR_IO"},
      {4, "MTL_ERROR_BUNDLE"},
      {5, "MTL_ERROR_INTEGRITY"},
      {6, "MTL_ERROR_LIMIT"},
      {7, "MTL_ERROR_ENGINE"},
      {8, "MTL_ERROR_PROVIDER"},
      {9, "MTL_ERROR_CANCELLED"},
      {10, "MTL_ERROR_DEADLINE"},
      {11, "MTL_ERROR_PANIC"},
      {12, "MTL_ERROR_POISONED"},
      {13, "MTL_ERROR_FORKED"},
      {14, "MTL_ERROR_UNSUPPORTED"},
  };
  int32_t count = (int32_t)(sizeof table / sizeof *table);
  for (int32_t i = 0; i < count; i++) CHECK(strcmp(mtl_status_name(table[i].number), table[i].name) == 0);
  /* A new status has a line above. */
  CHECK(strcmp(mtl_status_name(count), "MTL_ERROR_UNKNOWN") == 0);
  CHECK(strcmp(mtl_status_name(-1), "MTL_ERROR_UNKNOWN") == 0);
  CHECK(strcmp(mtl_status_name(INT32_MIN), "MTL_ERROR_UNKNOWN") == 0);
}

static void the_enum_has_the_same_numbers(void) {
  CHECK(MTL_OK == 0 && MTL_ERROR_ARGUMENT == 1 && MTL_ERROR_UNSUPPORTED == 14);
  CHECK(sizeof(mtl_status) == sizeof(int32_t));
}

void test_status(void) {
  RUN(names_and_numbers_stay);
  RUN(the_enum_has_the_same_numbers);
}
