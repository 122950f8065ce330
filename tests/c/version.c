/* Which libmtl this is. */
#include "check.h"

static void functions_say_what_the_macros_say(void) {
  CHECK(mtl_abi_version() == MTL_ABI_VERSION);
  CHECK(mtl_version() == MTL_VERSION_MAJOR * 1000000 + MTL_VERSION_MINOR * 1000 + MTL_VERSION_PATCH);
}

static void build_info_is_json_with_the_version(void) {
  char expected[64];
  snprintf(expected, sizeof expected, "\"version\":\"%d.%d.%d\",\"abi\":%d", MTL_VERSION_MAJOR, MTL_VERSION_MINOR,
           MTL_VERSION_PATCH, MTL_ABI_VERSION);
  CHECK(mtl_build_info()[0] == '{');
  CHECK(strstr(mtl_build_info(), expected) != NULL);
  CHECK(strstr(mtl_build_info(), "\"native\"") != NULL);
}

void test_version(void) {
  RUN(functions_say_what_the_macros_say);
  RUN(build_info_is_json_with_the_version);
}
