/* Checks for the C tests: a test is a function; RUN runs it, and it fails if one CHECK in it does. */
#ifndef MTL_TESTS_CHECK_H
#define MTL_TESTS_CHECK_H

#include <mtl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the command line gave: a bundle's folder, an archive of it (NULL if none), seconds for the tests of endurance (0: as
   short as they can be, and nothing is measured). */
extern const char *bundle_path, *archive_path;
extern double seconds;

void check(int holds, const char *text, const char *file, int line);
void run(void (*test)(void), const char *name);

#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)
#define RUN(test) run(test, #test)

/* The call fails with `status`, and its error says so and has a message. Write E for the call's out_error. */
#define FAILS(status_, call)                                    \
  do {                                                          \
    mtl_error *error_ = NULL, **E = &error_;                    \
    CHECK((call) == (status_));                                 \
    CHECK(mtl_error_status(error_) == (status_));               \
    CHECK(mtl_error_message(error_, NULL)[0] != '\0');          \
    mtl_error_free(error_);                                     \
    E = NULL; /* the same without an error object */            \
    CHECK((call) == (status_));                                 \
  } while (0)

/* The call succeeds and leaves its out_error, E, alone. */
#define WORKS(call)                                             \
  do {                                                          \
    mtl_error *error_ = NULL, **E = &error_;                    \
    CHECK((call) == MTL_OK);                                    \
    if (error_ != NULL) printf("  %s\n", mtl_error_message(error_, NULL)); \
    CHECK(error_ == NULL);                                      \
    mtl_error_free(error_);                                     \
  } while (0)

/* A string that is not ended by a NUL, against one that is. */
int same(const char *text, size_t length, const char *expected);

const mtl_model *open_model(void);               /* the bundle's model, with defaults; the caller releases it */
const mtl_model *open_scorer(void);              /* the zoo's, which stands beside it */
mtl_batch *batch_of(const char *const *texts, size_t count); /* a batch of texts */
mtl_result *tagged(const mtl_model *model, const char *text, const char *options); /* one text; "key=value key=value" */
mtl_options *options_of(const char *options);    /* "key=value key=value" */
float eighth(void);                              /* the next of a fixed sequence of eighths between -4 and 4 */
uint16_t half_of(float value);                   /* such a number in half precision, exactly */
double now(void);                                /* seconds of a monotonic clock */
long resident(void);                             /* KiB of resident memory, after all that can be was given back; 0: unknown */

/* Growth by so much is too much: 5 KiB a time in a hundred times. */
#define GROWTH_KIB 512

/* Whether memory and time are measured: sanitizers keep what was freed, and take their time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURES 0
#else
#define MEASURES (seconds > 0)
#endif

/* One function a file: its tests. */
void test_version(void), test_status(void), test_error(void), test_log(void), test_options(void), test_cancel(void),
    test_env(void), test_bundle(void), test_model(void), test_batch(void), test_tag(void), test_result(void),
    test_slot(void), test_kernels(void), test_align(void), test_bilstm_crf(void),
    test_exercises(void), test_score(void), test_learner(void), test_experimental(void), test_null(void), test_fork(void), test_memory(void),
    test_latency(void);

#endif
