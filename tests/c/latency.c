/* How soon a cancelled call returns: about 10 ms, whatever stage of it is under way. Counted is the processor time that
   the calling thread still takes, so that a busy machine changes nothing. */
#include "check.h"

#include <pthread.h>
#include <time.h>

enum { SAMPLES = 9 };

/* What the unoptimised library that the tests link may take, in ms: mostly, and at the worst. */
static const double MOSTLY = 10, AT_WORST = 40;

static double milliseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

struct shot {
  const mtl_cancel *cancel;
  clockid_t caller;
  double at;
};

/* Fires when the caller's clock has come to `at`, and notes when that was. */
static void *fire(void *user) {
  struct shot *shot = user;
  const struct timespec wait = {0, 200000};
  while (milliseconds(shot->caller) < shot->at) nanosleep(&wait, NULL);
  shot->at = milliseconds(shot->caller);
  CHECK(mtl_cancel_fire(shot->cancel, NULL) == MTL_OK);
  return NULL;
}

struct work {
  const char *name, *options;
  const char *text;
  int texts, repeats; /* so many documents, each of so many texts in a row */
};

static mtl_batch *batch_for(const struct work *work) {
  size_t length = strlen(work->text);
  char *document = malloc(length * (size_t)work->repeats);
  mtl_batch *batch = batch_of(NULL, 0);
  for (int i = 0; i < work->repeats; i++) memcpy(document + (size_t)i * length, work->text, length);
  for (int i = 0; i < work->texts; i++) WORKS(mtl_batch_add_text(batch, document, length * (size_t)work->repeats, E));
  free(document);
  return batch;
}

/* Tags, cancelled at a part of `whole` ms, unless that is 0; the processor time from there, or of all of it. */
static double tag(const mtl_model *model, const mtl_batch *batch, const mtl_options *options, double whole, double part) {
  struct shot shot = {0};
  mtl_cancel *cancel = NULL;
  mtl_result *result = NULL;
  pthread_t thread;
  WORKS(mtl_cancel_new(-1, &cancel, E));
  CHECK(pthread_getcpuclockid(pthread_self(), &shot.caller) == 0);
  shot.cancel = cancel;
  shot.at = milliseconds(shot.caller) + whole * part;
  if (whole > 0) CHECK(pthread_create(&thread, NULL, fire, &shot) == 0);
  mtl_status status = mtl_tag(model, batch, options, cancel, &result, NULL);
  double end = milliseconds(shot.caller), spent = whole > 0 ? 0 : end - shot.at;
  while (whole > 0 && milliseconds(shot.caller) < shot.at) continue; /* the call was quicker than the one before */
  if (whole > 0) CHECK(pthread_join(thread, NULL) == 0);
  if (status == MTL_ERROR_CANCELLED) spent = end - shot.at;
  CHECK(status == (whole > 0 && end >= shot.at ? MTL_ERROR_CANCELLED : MTL_OK));
  mtl_result_free(result);
  mtl_cancel_free(cancel);
  return spent;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static const struct work works[] = {
    {"many documents", "", "Maria Jensen moved to Toronto, where she works for a bakery.", 1200, 1},
    {"a long document", "language=en", "Maria Jensen moved to Toronto. She works for a bakery! ", 1, 1000},
    {"a long sentence", "language=en unit=utf16", "Maria Jensen and Ada and ", 1, 2500},
    {"confidences and best paths", "scores=true nbest=20", "Maria Jensen moved to Toronto.", 500, 1},
};

static void calls_stop_soon_at_any_stage(void) {
  const mtl_model *model = open_model();
  for (size_t w = 0; w < sizeof works / sizeof *works; w++) {
    double spent[SAMPLES];
    mtl_batch *batch = batch_for(&works[w]);
    mtl_options *options = options_of(works[w].options);
    double whole = tag(model, batch, options, 0, 0);
    for (int i = 0; i < SAMPLES; i++) spent[i] = tag(model, batch, options, whole, (i + 0.2) / SAMPLES);
    qsort(spent, SAMPLES, sizeof *spent, ascending);
    double median = spent[SAMPLES / 2], longest = spent[SAMPLES - 1];
    printf("  %s, %.0f ms: stopped within %.1f ms, %.1f at the most\n", works[w].name, whole, median, longest);
    CHECK(median <= MOSTLY && longest <= AT_WORST);
    mtl_options_free(options);
    mtl_batch_free(batch);
  }
  mtl_model_release(model);
}

static void the_clock_counts_what_the_caller_does(void) {
  clockid_t self;
  double begun = milliseconds(CLOCK_THREAD_CPUTIME_ID);
  while (milliseconds(CLOCK_THREAD_CPUTIME_ID) < begun + AT_WORST + 1) continue;
  CHECK(pthread_getcpuclockid(pthread_self(), &self) == 0 && milliseconds(self) - begun > AT_WORST);
}

void test_latency(void) {
  if (!MEASURES) {
    printf("  under a sanitizer, or in no time, nothing is said of time\n");
    return;
  }
  RUN(the_clock_counts_what_the_caller_does);
  RUN(calls_stop_soon_at_any_stage);
}
