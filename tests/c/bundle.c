/* Bundles: from a folder, an archive, memory, a part of an open file. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

static char digest[64 + 1];

/* Opens a model on the bundle, looks whether it is the folder's, frees it. */
static void is_the_same(mtl_bundle *bundle) {
  const mtl_model *model = NULL;
  size_t length = 0;
  const char *found = mtl_bundle_digest(bundle, &length);
  CHECK(found != NULL && length == 64 && memcmp(found, digest, 64) == 0);
  WORKS(mtl_model_open(bundle, NULL, NULL, &model, E));
  mtl_bundle_free(bundle);
  mtl_result_free(tagged(model, "Maria Jensen moved to Toronto.", ""));
  mtl_model_release(model);
}

static void a_folder(void) {
  mtl_bundle *bundle = NULL;
  size_t length = 0;
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, E));
  const char *found = mtl_bundle_digest(bundle, &length);
  CHECK(length == 64);
  memcpy(digest, found, 64);
  CHECK(strspn(digest, "0123456789abcdef") == 64);
  const char *manifest = mtl_bundle_manifest(bundle, &length);
  CHECK(manifest[0] == '{' && manifest[length - 1] == '}');
  is_the_same(bundle);
  mtl_options *trusted = options_of("trusted=true");
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), trusted, &bundle, E));
  is_the_same(bundle);
  mtl_options_free(trusted);
}

static void what_is_no_bundle(void) {
  mtl_bundle *bundle = NULL;
  FAILS(MTL_ERROR_IO, mtl_bundle_open("no/such/place", 13, NULL, &bundle, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_bundle_open("\xff", 1, NULL, &bundle, E));
  FAILS(MTL_ERROR_BUNDLE, mtl_bundle_open_memory("not an archive", 14, NULL, &bundle, E));
  FAILS(MTL_ERROR_BUNDLE, mtl_bundle_open_memory(NULL, 0, NULL, &bundle, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_bundle_open_descriptor(-1, 0, 1, NULL, &bundle, E));
  FAILS(MTL_ERROR_IO, mtl_bundle_open_descriptor(987, 0, 1, NULL, &bundle, E));
  CHECK(bundle == NULL);
}

/* The whole archive, aligned as malloc does. */
static char *archive(size_t *length) {
  FILE *file = fopen(archive_path, "rb");
  CHECK(file != NULL);
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length);
  CHECK(fread(bytes, 1, *length, file) == *length);
  fclose(file);
  return bytes;
}

static void an_archive(void) {
  mtl_bundle *bundle = NULL;
  WORKS(mtl_bundle_open(archive_path, strlen(archive_path), NULL, &bundle, E));
  is_the_same(bundle);
}

static void memory(void) {
  size_t length = 0;
  char *bytes = archive(&length);
  mtl_bundle *bundle = NULL;
  mtl_options *trusted = options_of("trusted=true");
  WORKS(mtl_bundle_open_memory(bytes, length, trusted, &bundle, E));
  is_the_same(bundle);
  WORKS(mtl_bundle_open_memory(bytes, length, NULL, &bundle, E));
  memset(bytes, 0, length); /* it was copied */
  is_the_same(bundle);
  free(bytes);
  bytes = archive(&length);
  FAILS(MTL_ERROR_BUNDLE, mtl_bundle_open_memory(bytes, length / 2, NULL, &bundle, E));
  mtl_options_free(trusted);
  free(bytes);
}

static void a_changed_bit(void) {
  size_t length = 0;
  char *bytes = archive(&length);
  mtl_bundle *bundle = NULL;
  bytes[length / 2] ^= 1;
  FAILS(MTL_ERROR_INTEGRITY, mtl_bundle_open_memory(bytes, length, NULL, &bundle, E));
  free(bytes);
}

static void a_part_of_an_open_file(void) {
  size_t length = 0;
  char *bytes = archive(&length);
  mtl_bundle *bundle = NULL;
  FILE *package = tmpfile();
  CHECK(package != NULL && fwrite("package:", 1, 8, package) == 8);
  CHECK(fwrite(bytes, 1, length, package) == length && fflush(package) == 0);
  int descriptor = fileno(package);
  WORKS(mtl_bundle_open_descriptor(descriptor, 8, length, NULL, &bundle, E));
  FAILS(MTL_ERROR_BUNDLE, mtl_bundle_open_descriptor(descriptor, 0, length, NULL, &bundle, E));
  fclose(package);
  is_the_same(bundle);
  free(bytes);
}

void test_bundle(void) {
  RUN(a_folder);
  RUN(what_is_no_bundle);
  if (archive_path == NULL) {
    printf("  no archive was given: bundles from archives, memory and open files are not tested\n");
    return;
  }
  RUN(an_archive);
  RUN(memory);
  RUN(a_changed_bit);
  RUN(a_part_of_an_open_file);
}
