/* The CRF's kernels, against enumeration of every path. */
#include "check.h"

#include <math.h>

enum { K = 3, SENTENCES = 4, LONGEST = 5, TOKEN_STRIDE = K + 2, SENTENCE_STRIDE = LONGEST * TOKEN_STRIDE + 1,
       COUNT = SENTENCES * SENTENCE_STRIDE, TOKENS = 5 + 1 + 0 + 3 };

static const uint32_t lengths[SENTENCES] = {5, 1, 0, 3};
static float start[K], end[K], transitions[K * K], single[COUNT];
static uint16_t half[COUNT];

static void fill(void) {
  for (int k = 0; k < K; k++) start[k] = eighth(), end[k] = eighth();
  for (int k = 0; k < K * K; k++) transitions[k] = eighth();
  for (int i = 0; i < COUNT; i++) single[i] = NAN, half[i] = 0x7e00; /* what belongs to no token is not read */
  for (int s = 0; s < SENTENCES; s++)
    for (uint32_t t = 0; t < lengths[s]; t++)
      for (int k = 0; k < K; k++) {
        size_t i = (size_t)s * SENTENCE_STRIDE + t * TOKEN_STRIDE + (size_t)k;
        single[i] = eighth();
        half[i] = half_of(single[i]);
      }
}

static mtl_crf crf(void) {
  mtl_crf made = {sizeof made, K, start, end, transitions};
  return made;
}

static mtl_sequences emissions(uint32_t element) {
  mtl_sequences made = {.struct_size = sizeof made, .element = element, .data_count = COUNT,
                        .sentence_stride = SENTENCE_STRIDE, .token_stride = TOKEN_STRIDE, .sentences = SENTENCES,
                        .lengths = lengths};
  made.data = element == MTL_F16 ? (const void *)half : (const void *)single;
  return made;
}

/* The score of path number `path` of a sentence; `labels` receives the path. */
static double score(int sentence, int path, uint32_t *labels) {
  double sum = 0;
  uint32_t n = lengths[sentence];
  for (uint32_t t = 0; t < n; t++, path /= K) {
    labels[t] = (uint32_t)(path % K);
    sum += single[(size_t)sentence * SENTENCE_STRIDE + t * TOKEN_STRIDE + labels[t]];
    sum += t == 0 ? start[labels[t]] : transitions[labels[t] * K + labels[t - 1]];
  }
  return n == 0 ? 0 : sum + end[labels[n - 1]];
}

static int paths(int sentence) {
  int count = 1;
  for (uint32_t t = 0; t < lengths[sentence]; t++) count *= K;
  return count;
}

static void viterbi_finds_the_best_path(uint32_t element) {
  uint32_t found[TOKENS + 1], path[LONGEST];
  float scores[SENTENCES];
  mtl_crf c = crf();
  mtl_sequences e = emissions(element);
  found[TOKENS] = 77;
  WORKS(mtl_crf_viterbi(&c, &e, found, TOKENS, scores, E));
  CHECK(found[TOKENS] == 77);
  const uint32_t *labels = found;
  for (int s = 0; s < SENTENCES; s++) {
    double best = -INFINITY, mine = 0;
    for (int p = 0; p < paths(s); p++) {
      double value = score(s, p, path);
      if (value > best) best = value;
      if (memcmp(path, labels, lengths[s] * sizeof *path) == 0) mine = value;
    }
    CHECK(mine == best); /* another path of the same score is as good */
    if (lengths[s] > 0) CHECK(fabs(scores[s] - best) < 1e-4);
    labels += lengths[s];
  }
  WORKS(mtl_crf_viterbi(&c, &e, found, TOKENS, NULL, E));
}

static void marginals_are_sums_over_paths(uint32_t element, float temperature) {
  float found[TOKENS * K];
  double log_z[SENTENCES];
  uint32_t path[LONGEST];
  mtl_crf c = crf();
  mtl_sequences e = emissions(element);
  WORKS(mtl_crf_marginals(&c, &e, temperature, found, TOKENS * K, log_z, E));
  const float *values = found;
  for (int s = 0; s < SENTENCES; s++) {
    double z = 0, sums[LONGEST][K] = {{0}};
    for (int p = 0; p < paths(s); p++) {
      double weight = exp(score(s, p, path) / temperature);
      z += weight;
      for (uint32_t t = 0; t < lengths[s]; t++) sums[t][path[t]] += weight;
    }
    CHECK(fabs(log_z[s] - log(z)) < 1e-4);
    for (uint32_t t = 0; t < lengths[s]; t++, values += K)
      for (int k = 0; k < K; k++) CHECK(fabs(values[k] - sums[t][k] / z) < 1e-4);
  }
  WORKS(mtl_crf_marginals(&c, &e, temperature, found, TOKENS * K, NULL, E));
}

static void viterbi_in_single_precision(void) { viterbi_finds_the_best_path(MTL_F32); }
static void viterbi_in_half_precision(void) { viterbi_finds_the_best_path(MTL_F16); }
static void marginals_in_single_precision(void) { marginals_are_sums_over_paths(MTL_F32, 1); }
static void marginals_in_half_precision(void) { marginals_are_sums_over_paths(MTL_F16, 1); }
static void marginals_at_a_temperature(void) { marginals_are_sums_over_paths(MTL_F32, 2.5F); }

static void forbidden_transitions_are_not_taken(void) {
  uint32_t found[TOKENS];
  mtl_crf c = crf();
  mtl_sequences e = emissions(MTL_F32);
  float strict[K * K];
  for (int k = 0; k < K * K; k++) strict[k] = k / K == k % K ? 0 : -INFINITY; /* labels never change */
  c.transitions = strict;
  WORKS(mtl_crf_viterbi(&c, &e, found, TOKENS, NULL, E));
  for (uint32_t t = 1; t < lengths[0]; t++) CHECK(found[t] == found[0]);
}

static void bad_arguments_are_refused_and_nothing_is_written(void) {
  uint32_t found[TOKENS];
  float marginals[TOKENS * K];
  memset(found, 0x5a, sizeof found);
#define BAD(change)                                                                              \
  do {                                                                                           \
    mtl_crf c = crf();                                                                           \
    mtl_sequences e = emissions(MTL_F32);                                                        \
    change;                                                                                      \
    FAILS(MTL_ERROR_ARGUMENT, mtl_crf_viterbi(&c, &e, found, TOKENS, NULL, E));                  \
    FAILS(MTL_ERROR_ARGUMENT, mtl_crf_marginals(&c, &e, 1, marginals, TOKENS * K, NULL, E));     \
  } while (0)
  float broken[K * K] = {0};
  broken[1] = NAN;
  BAD(c.struct_size = 8);
  BAD(c.labels = 0);
  BAD(c.labels = MTL_CRF_MAX_LABELS + 1);
  BAD(c.start = NULL);
  BAD(c.end = NULL);
  BAD(c.transitions = NULL);
  BAD(c.transitions = broken);
  BAD(e.struct_size = 8);
  BAD(e.element = 3);
  BAD(e.data = NULL);
  BAD(e.data = (const char *)single + 1);
  BAD(e.data_count = COUNT / 2);
  BAD(e.data_count = SIZE_MAX);
  BAD(e.sentence_stride = SIZE_MAX);
  BAD(e.token_stride = K - 1);
  BAD(e.token_stride = SIZE_MAX);
  BAD(e.token_stride = K); /* reads what belongs to no token, which is NaN */
  BAD(e.lengths = NULL);
  mtl_crf c = crf();
  mtl_sequences e = emissions(MTL_F32);
  FAILS(MTL_ERROR_ARGUMENT, mtl_crf_viterbi(&c, &e, found, TOKENS - 1, NULL, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_crf_marginals(&c, &e, 1, marginals, TOKENS * K - 1, NULL, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_crf_marginals(&c, &e, 0, marginals, TOKENS * K, NULL, E));
  FAILS(MTL_ERROR_ARGUMENT, mtl_crf_marginals(&c, &e, NAN, marginals, TOKENS * K, NULL, E));
  for (int i = 0; i < TOKENS; i++) CHECK(found[i] == 0x5a5a5a5a);
}

void test_kernels(void) {
  fill();
  RUN(viterbi_in_single_precision);
  RUN(viterbi_in_half_precision);
  RUN(marginals_in_single_precision);
  RUN(marginals_in_half_precision);
  RUN(marginals_at_a_temperature);
  RUN(forbidden_transitions_are_not_taken);
  RUN(bad_arguments_are_refused_and_nothing_is_written);
}
