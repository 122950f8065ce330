/* The fused BiLSTM-CRF, against its formulas in double precision and enumeration of every path. */
#include "check.h"

#include <math.h>

enum { D = 3, H = 5, K = 3, SENTENCES = 4, LONGEST = 5, STRIDE = D + 1, ROOM = SENTENCES * LONGEST * STRIDE,
       TOKENS = 2 + 5 + 0 + 1 };

static const uint32_t lengths[SENTENCES] = {2, 5, 0, 1};
static float input[2 * 4 * H * D], recurrent[2 * 4 * H * H], bias[2 * 8 * H], output[K * 2 * H], output_bias[K];
static float start[K], end[K], transitions[K * K], features[ROOM];
static uint16_t half_input[2 * 4 * H * D], half_recurrent[2 * 4 * H * H], half_bias[2 * 8 * H],
    half_output[K * 2 * H], half_output_bias[K], half_features[ROOM];

/* `count` numbers, and the same in half precision unless that is NULL. */
static void draw(float *single, uint16_t *half, size_t count) {
  for (size_t i = 0; i < count; i++) {
    single[i] = eighth();
    if (half != NULL) half[i] = half_of(single[i]);
  }
}

static void fill(void) {
  draw(input, half_input, sizeof input / sizeof *input);
  draw(recurrent, half_recurrent, sizeof recurrent / sizeof *recurrent);
  draw(bias, half_bias, sizeof bias / sizeof *bias);
  draw(output, half_output, sizeof output / sizeof *output);
  draw(output_bias, half_output_bias, K);
  draw(features, half_features, ROOM);
  draw(start, NULL, K);
  draw(end, NULL, K);
  draw(transitions, NULL, K * K);
  for (size_t s = 0; s < SENTENCES; s++) /* what belongs to no token is not read */
    for (size_t t = lengths[s]; t < LONGEST; t++)
      for (size_t d = 0; d < STRIDE; d++) features[(s * LONGEST + t) * STRIDE + d] = NAN;
}

static mtl_bilstm bilstm(uint32_t element) {
  mtl_bilstm single = {sizeof single, MTL_F32, D, H, input, recurrent, bias, output, output_bias};
  mtl_bilstm half = {sizeof half, MTL_F16, D, H, half_input, half_recurrent, half_bias, half_output, half_output_bias};
  return element == MTL_F16 ? half : single;
}

static mtl_crf crf(void) {
  mtl_crf made = {sizeof made, K, start, end, transitions};
  return made;
}

static mtl_sequences sequences(uint32_t element) {
  mtl_sequences made = {.struct_size = sizeof made, .element = element, .data_count = ROOM,
                        .sentence_stride = LONGEST * STRIDE, .token_stride = STRIDE, .sentences = SENTENCES,
                        .lengths = lengths};
  made.data = element == MTL_F16 ? (const void *)half_features : (const void *)features;
  return made;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Hidden states of one direction of a sentence, into its half of states[token][2 H]. */
static void direction(int sentence, int backward, double states[LONGEST][2 * H]) {
  double h[H] = {0}, c[H] = {0}, gates[4 * H];
  const float *w = input + backward * 4 * H * D, *u = recurrent + backward * 4 * H * H, *b = bias + backward * 8 * H;
  int n = (int)lengths[sentence];
  for (int step = 0; step < n; step++) {
    int t = backward ? n - 1 - step : step;
    const float *x = features + (sentence * LONGEST + t) * STRIDE;
    for (int g = 0; g < 4 * H; g++) {
      gates[g] = (double)b[g] + (double)b[4 * H + g];
      for (int d = 0; d < D; d++) gates[g] += (double)w[g * D + d] * x[d];
      for (int k = 0; k < H; k++) gates[g] += (double)u[g * H + k] * h[k];
    }
    for (int k = 0; k < H; k++) {
      c[k] = sigmoid(gates[2 * H + k]) * c[k] + sigmoid(gates[k]) * tanh(gates[3 * H + k]);
      h[k] = sigmoid(gates[H + k]) * tanh(c[k]);
      states[t][backward * H + k] = h[k];
    }
  }
}

/* The best score of a sentence over all paths, and that of the path that was found. */
static void scores(int sentence, const uint32_t *found, double *best, double *mine) {
  double states[LONGEST][2 * H], emissions[LONGEST][K];
  uint32_t n = lengths[sentence], path[LONGEST];
  int paths = 1, same = 0;
  direction(sentence, 0, states);
  direction(sentence, 1, states);
  for (uint32_t t = 0; t < n; t++, paths *= K)
    for (int k = 0; k < K; k++) {
      emissions[t][k] = output_bias[k];
      for (int i = 0; i < 2 * H; i++) emissions[t][k] += (double)output[k * 2 * H + i] * states[t][i];
    }
  *best = n == 0 ? 0 : -INFINITY, *mine = n == 0 ? 0 : NAN;
  for (int p = 0; p < paths && n > 0; p++) {
    double sum = 0;
    int rest = p;
    for (uint32_t t = 0; t < n; t++, rest /= K) {
      path[t] = (uint32_t)(rest % K);
      sum += emissions[t][path[t]] + (t == 0 ? start[path[t]] : transitions[path[t] * K + path[t - 1]]);
    }
    sum += end[path[n - 1]];
    same = memcmp(path, found, n * sizeof *path) == 0;
    if (same) *mine = sum;
    if (sum > *best) *best = sum;
  }
}

static mtl_bilstm_crf *network(uint32_t element) {
  mtl_bilstm weights = bilstm(element);
  mtl_crf c = crf();
  mtl_bilstm_crf *made = NULL;
  WORKS(mtl_bilstm_crf_new(&weights, &c, &made, E));
  return made;
}

static void the_best_path_is_found(uint32_t element) {
  mtl_bilstm_crf *net = network(element);
  mtl_sequences rows = sequences(element);
  uint32_t found[TOKENS + 1] = {[TOKENS] = 77}, alone[LONGEST];
  float values[SENTENCES];
  CHECK(mtl_bilstm_crf_inputs(net) == D);
  WORKS(mtl_bilstm_crf_decode(net, &rows, NULL, found, TOKENS, values, E));
  CHECK(found[TOKENS] == 77);
  const uint32_t *labels = found;
  for (int s = 0; s < SENTENCES; s++) {
    double best, mine;
    float value = 0;
    scores(s, labels, &best, &mine);
    /* Halves may be multiplied by a kernel that rounds. */
    double most = element == MTL_F16 ? 2e-2 : 1e-4;
    CHECK(fabs(mine - best) < most);
    CHECK(fabs(values[s] - best) < most);
    mtl_sequences one = sequences(element); /* a sentence's path does not depend on the others */
    size_t size = element == MTL_F16 ? sizeof *half_features : sizeof *features, skipped = (size_t)s * LONGEST * STRIDE;
    one.data = (const char *)one.data + skipped * size;
    one.data_count -= skipped;
    one.sentences = 1;
    one.lengths += s;
    WORKS(mtl_bilstm_crf_decode(net, &one, NULL, alone, LONGEST, &value, E));
    CHECK(memcmp(alone, labels, lengths[s] * sizeof *alone) == 0 && value == values[s]);
    labels += lengths[s];
  }
  WORKS(mtl_bilstm_crf_decode(net, &rows, NULL, found, TOKENS, NULL, E));
  mtl_bilstm_crf_free(net);
}

static void in_single_precision(void) { the_best_path_is_found(MTL_F32); }
static void in_half_precision(void) { the_best_path_is_found(MTL_F16); }

static void it_can_be_cancelled(void) {
  mtl_bilstm_crf *net = network(MTL_F32);
  mtl_sequences rows = sequences(MTL_F32);
  mtl_cancel *cancel = NULL;
  uint32_t found[TOKENS];
  WORKS(mtl_cancel_new(-1, &cancel, E));
  WORKS(mtl_bilstm_crf_decode(net, &rows, cancel, found, TOKENS, NULL, E));
  WORKS(mtl_cancel_fire(cancel, E));
  FAILS(MTL_ERROR_CANCELLED, mtl_bilstm_crf_decode(net, &rows, cancel, found, TOKENS, NULL, E));
  mtl_cancel_free(cancel);
  mtl_bilstm_crf_free(net);
}

static void bad_weights_are_refused(void) {
  mtl_bilstm_crf *made = NULL;
  float broken[2 * 4 * H * D] = {[7] = INFINITY};
#define BAD(change)                                                           \
  do {                                                                        \
    mtl_bilstm w = bilstm(MTL_F32);                                           \
    mtl_crf c = crf();                                                        \
    change;                                                                   \
    FAILS(MTL_ERROR_ARGUMENT, mtl_bilstm_crf_new(&w, &c, &made, E));          \
    CHECK(made == NULL);                                                      \
  } while (0)
  BAD(w.struct_size = 8);
  BAD(w.element = 0);
  BAD(w.inputs = 0);
  BAD(w.inputs = MTL_BILSTM_MAX_WIDTH + 1);
  BAD(w.hidden = 0);
  BAD(w.hidden = UINT32_MAX);
  BAD(w.input = NULL);
  BAD(w.input = broken);
  BAD(w.input = (const char *)input + 1);
  BAD(w.recurrent = NULL);
  BAD(w.bias = NULL);
  BAD(w.output = NULL);
  BAD(w.output_bias = NULL);
  BAD(c.labels = 0);
  BAD(c.start = NULL);
#undef BAD
}

static void bad_rows_are_refused_and_nothing_is_written(void) {
  mtl_bilstm_crf *net = network(MTL_F32);
  uint32_t found[TOKENS];
  memset(found, 0x5a, sizeof found);
#define BAD(change, room)                                                                              \
  do {                                                                                                 \
    mtl_sequences rows = sequences(MTL_F32);                                                           \
    change;                                                                                            \
    FAILS(MTL_ERROR_ARGUMENT, mtl_bilstm_crf_decode(net, &rows, NULL, found, room, NULL, E));          \
  } while (0)
  BAD(rows.struct_size = 8, TOKENS);
  BAD(rows.element = 3, TOKENS);
  BAD(rows.data = NULL, TOKENS);
  BAD(rows.data_count = ROOM / 4, TOKENS);
  BAD(rows.token_stride = D - 1, TOKENS);
  BAD(rows.sentence_stride = SIZE_MAX, TOKENS);
  BAD(rows.lengths = NULL, TOKENS);
  BAD(rows.sentence_stride = (LONGEST - 1) * STRIDE, TOKENS); /* reads what belongs to no token, which is NaN */
  BAD((void)rows, TOKENS - 1);
  for (int i = 0; i < TOKENS; i++) CHECK(found[i] == 0x5a5a5a5a);
  mtl_bilstm_crf_free(net);
}

void test_bilstm_crf(void) {
  fill();
  RUN(in_single_precision);
  RUN(in_half_precision);
  RUN(it_can_be_cancelled);
  RUN(bad_weights_are_refused);
  RUN(bad_rows_are_refused_and_nothing_is_written);
}
