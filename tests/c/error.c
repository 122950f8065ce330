/* Error objects. */
#include "check.h"

static void an_error_has_a_message_and_details(void) {
  mtl_error *error = NULL;
  mtl_bundle *bundle = NULL;
  const char *path = "no/such/bundle";
  size_t length = 0;
  CHECK(mtl_bundle_open(path, strlen(path), NULL, &bundle, &error) == MTL_ERROR_IO);
  CHECK(bundle == NULL);
  CHECK(mtl_error_status(error) == MTL_ERROR_IO);
  const char *message = mtl_error_message(error, &length);
  CHECK(length == strlen(message) && strstr(message, path) != NULL);
  const char *place = mtl_error_detail(error, "place", 5, &length);
  CHECK(place != NULL && strstr(place, path) != NULL && length == strlen(place));
  CHECK(mtl_error_detail(error, "fault", 5, NULL) != NULL);
  CHECK(mtl_error_detail(error, "colour", 6, NULL) == NULL);
  CHECK(mtl_error_detail(error, "\xff", 1, NULL) == NULL);
  CHECK(mtl_error_detail(error, NULL, 5, NULL) == NULL);
  mtl_error_free(error);
}

static void a_success_leaves_the_error_alone(void) {
  mtl_error *error = (mtl_error *)&error; /* a value that a call would have to overwrite */
  mtl_batch *batch = NULL;
  CHECK(mtl_batch_new(&batch, &error) == MTL_OK);
  CHECK(error == (mtl_error *)&error);
  mtl_batch_free(batch);
}

static void a_failure_leaves_the_outs_alone(void) {
  mtl_bundle *bundle = (mtl_bundle *)&bundle;
  FAILS(MTL_ERROR_ARGUMENT, mtl_bundle_open(NULL, 1, NULL, &bundle, E));
  CHECK(bundle == (mtl_bundle *)&bundle);
}

void test_error(void) {
  RUN(an_error_has_a_message_and_details);
  RUN(a_success_leaves_the_error_alone);
  RUN(a_failure_leaves_the_outs_alone);
}
