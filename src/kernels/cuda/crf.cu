// Output layer and CRF of whole sentences in one launch: emissions, the best path, marginals.
//
// A block of 4 warps is a sentence. Its warps share the emissions; then one finds the best path, another the forward and
// a third the backward scores, at the same time. In these, a lane is every 32nd label; up to 32 labels, its transitions
// are registers. Scores are logarithms in single precision, shifted as they grow: only their differences matter.
//
// STATES is twice the padded hidden size, LABELS at most 256. Launch a block of 128 threads a sentence.

#include "tile.h"

// The arguments; `Crf` in mod.rs is the same.
struct Crf {
  const uint4* weights;     // [ceil(LABELS / 8) groups][tile 2][STATES / 16 steps][lane 32]
  const float4* bias;       // [8 groups]: universal, specific, gate, unused
  const half* states;       // [token][STATES]
  const int* offsets;       // [sentences + 1]
  const float* start;       // [LABELS]; minus infinity forbids, here and below
  const float* end;         // [LABELS]
  const float* entering;    // [from][to]: transitions
  const float* leaving;     // [to][from]: the same
  float* emissions;         // [token][LABELS]
  unsigned char* pointers;  // [token][LABELS]: work space
  unsigned short* path;     // [token]: the best path; null where it is not wanted
  float* marginals;         // [token][LABELS]; null where they are not wanted
  float* log_beta;          // [token][LABELS]: backward scores without the token's emission, up to a constant a token
  float* log_z;             // [sentences]
  float scale;              // 1 / temperature, of the marginals
};

constexpr int DEPTH = STATES / 16;
constexpr int WARPS = 4;
constexpr int SLOTS = (LABELS + 31) / 32;
constexpr bool RESIDENT = SLOTS == 1;
#define NEVER __int_as_float(0xff800000)  // minus infinity
// What a forbidden step costs the best path: finite, so that where every path is forbidden one that breaks the fewest
// rules wins. Small enough to leave the sum its digits, large beside any score.
constexpr float FORBIDDEN = -1e6f;
// Tokens after which the best path's scores are shifted.
constexpr int SHIFT = 16;
// Back pointers of shorter sentences stay in shared memory.
constexpr int NEAR = 16 * 1024;

static_assert(STATES % 32 == 0 && LABELS >= 1 && LABELS <= 256, "sizes");

// A score for each label: that of label 32 s + lane in slot s, NEVER where there is no such label.
using Scores = float[SLOTS];

__device__ inline int label_of(int slot) { return 32 * slot + lane(); }

// The labels' values in `row`, times `scale`.
__device__ inline void load(Scores& scores, const float* row, float scale = 1.0f) {
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) scores[s] = label_of(s) < LABELS ? row[label_of(s)] * scale : NEVER;
}

__device__ inline void store(const Scores& scores, float* row) {
#pragma unroll
  for (int s = 0; s < SLOTS; ++s)
    if (label_of(s) < LABELS) row[label_of(s)] = scores[s];
}

__device__ inline void add(Scores& scores, const Scores& more) {
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) scores[s] += more[s];
}

__device__ inline float largest(const Scores& scores) {
  float top = NEVER;
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) top = fmaxf(top, scores[s]);
#pragma unroll
  for (int distance = 16; distance; distance /= 2) top = fmaxf(top, __shfl_xor_sync(WHOLE_WARP, top, distance));
  return top;
}

// Shifts the largest score to 0, unless all are NEVER; returns by how much.
__device__ inline float shift(Scores& scores) {
  const float top = largest(scores);
  if (top == NEVER) return 0.0f;
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) scores[s] -= top;
  return top;
}

// log of the sum of the exponentials; the largest score is 0, or all are NEVER.
__device__ inline float log_sum(const Scores& scores) {
  float sum = 0.0f;
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) sum += __expf(scores[s]);
#pragma unroll
  for (int distance = 16; distance; distance /= 2) sum += __shfl_xor_sync(WHOLE_WARP, sum, distance);
  return __logf(sum);
}

// Transitions [other][label], label being this lane's.
struct Pairs {
  const float* table;
  float scale, least;
  float resident[RESIDENT ? LABELS : 1];

  __device__ Pairs(const float* table, float scale, float least) : table(table), scale(scale), least(least) {
    if constexpr (RESIDENT) {
#pragma unroll
      for (int other = 0; other < LABELS; ++other) resident[other] = read(other, 0);
    }
  }

  __device__ float read(int other, int slot) const {
    return label_of(slot) < LABELS ? fmaxf(table[other * LABELS + label_of(slot)] * scale, least) : NEVER;
  }

  __device__ float get(int other, int slot) const {
    if constexpr (RESIDENT) return resident[other];
    return read(other, slot);
  }

  // Calls visit(other, slot, scores[other] + transition) for every other label and every label of this lane.
  template <class Visit>
  __device__ void each(const Scores& scores, Visit visit) const {
#pragma unroll
    for (int block = 0; block < SLOTS; ++block) {
      const int count = LABELS - 32 * block < 32 ? LABELS - 32 * block : 32;
#pragma unroll(RESIDENT ? 32 : 1)
      for (int i = 0; i < count; ++i) {
        const float score = __shfl_sync(WHOLE_WARP, scores[block], i);
#pragma unroll
        for (int s = 0; s < SLOTS; ++s) visit(32 * block + i, s, score + get(32 * block + i, s));
      }
    }
  }

  // scores[label] = max over other of scores[other] + transition; the first of the largest goes to `best`.
  __device__ void maximise(Scores& scores, int (&best)[SLOTS]) const {
    Scores top;
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) top[s] = NEVER, best[s] = 0;
    each(scores, [&](int other, int s, float score) {
      if (score > top[s]) top[s] = score, best[s] = other;
    });
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) scores[s] = top[s];
  }

  // scores[label] = log of the sum over other of exp(scores[other] + transition).
  __device__ void sum(Scores& scores) const {
    Scores top, sums = {};
    int best[SLOTS];
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) top[s] = scores[s];
    maximise(top, best);
    each(scores, [&](int, int s, float score) { sums[s] += top[s] == NEVER ? 0.0f : __expf(score - top[s]); });
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) scores[s] = top[s] == NEVER ? NEVER : top[s] + __logf(sums[s]);
  }
};

// Emissions of a sentence: y = g specific + (1 - g) universal, g = sigmoid(gate). Warps take 8 tokens in turn.
__device__ inline void emit(const Crf& p, int first, int length) {
  for (int tile = warp() * COLUMNS; tile < length; tile += WARPS * COLUMNS) {
    // Past the last token its row is read again, and nothing written.
    const half* row = p.states + long(first + min(tile + lane() / 4, length - 1)) * STATES;
    for (int group = 0; 8 * group < LABELS; ++group) {
      Sums sums;
#pragma unroll 4
      for (int k = 0; k < DEPTH; ++k)
        sums.add(k, fragment(p.weights, group, 0, k, DEPTH), fragment(p.weights, group, 1, k, DEPTH), row);
      const int label = 8 * group + unit_of_group();
      const float4 bias = p.bias[label];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int token = tile + first_column() + j;
        if (token >= length || label >= LABELS) continue;
        const float universal = bias.x + sums.get(0, j), specific = bias.y + sums.get(1, j);
        const float gate = sigmoid(bias.z + sums.get(2, j));
        p.emissions[long(first + token) * LABELS + label] = universal + gate * (specific - universal);
      }
    }
  }
}

// The best path; of equal ones that with the smaller last label, then that with the smaller label before it, and so on.
__device__ inline void viterbi(const Crf& p, int first, int length, unsigned char* pointers) {
  const Pairs pairs(p.entering, 1.0f, FORBIDDEN);
  const float* emissions = p.emissions + long(first) * LABELS;
  Scores scores, more;
  int best[SLOTS];
  load(scores, p.start);
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) scores[s] = label_of(s) < LABELS ? fmaxf(scores[s], FORBIDDEN) : NEVER;
  for (int t = 0;; ++t) {
    load(more, emissions + long(t) * LABELS);
    add(scores, more);
    if (t % SHIFT == SHIFT - 1) shift(scores);
    if (t + 1 == length) break;
    pairs.maximise(scores, best);
#pragma unroll
    for (int s = 0; s < SLOTS; ++s)
      if (label_of(s) < LABELS) pointers[(t + 1) * LABELS + label_of(s)] = (unsigned char)best[s];
  }

  float top = NEVER;
  int label = 0;
#pragma unroll
  for (int s = 0; s < SLOTS; ++s) {
    const float score = label_of(s) < LABELS ? scores[s] + fmaxf(p.end[label_of(s)], FORBIDDEN) : NEVER;
    if (score > top) top = score, label = label_of(s);
  }
#pragma unroll
  for (int distance = 16; distance; distance /= 2) {
    const float score = __shfl_xor_sync(WHOLE_WARP, top, distance);
    const int other = __shfl_xor_sync(WHOLE_WARP, label, distance);
    if (score > top || (score == top && other < label)) top = score, label = other;
  }
  __syncwarp();
  if (lane() != 0) return;
  for (int t = length - 1; t > 0; --t) {
    p.path[first + t] = (unsigned short)label;
    label = pointers[t * LABELS + label];
  }
  p.path[first] = (unsigned short)label;
}

// Forward scores, emissions included, into `marginals`, and the sentence's log Z.
__device__ inline void forward(const Crf& p, int first, int length, int sentence) {
  const Pairs pairs(p.entering, p.scale, NEVER);
  Scores scores, more;
  double offset = 0.0;
  load(scores, p.start, p.scale);
  for (int t = 0;; ++t) {
    const long row = long(first + t) * LABELS;
    load(more, p.emissions + row, p.scale);
    add(scores, more);
    offset += shift(scores);
    store(scores, p.marginals + row);
    if (t + 1 == length) break;
    pairs.sum(scores);
  }
  load(more, p.end, p.scale);
  add(scores, more);
  offset += shift(scores);
  const float log_z = float(offset + log_sum(scores));
  if (lane() == 0) p.log_z[sentence] = log_z;
}

// Backward scores, emissions excluded, into `log_beta`.
__device__ inline void backward(const Crf& p, int first, int length) {
  const Pairs pairs(p.leaving, p.scale, NEVER);
  Scores scores, more;
  load(scores, p.end, p.scale);
  for (int t = length - 1;; --t) {
    const long row = long(first + t) * LABELS;
    shift(scores);
    store(scores, p.log_beta + row);
    if (t == 0) break;
    load(more, p.emissions + row, p.scale);
    add(scores, more);
    pairs.sum(scores);
  }
}

// Forward and backward scores into probabilities; all 0 where every path is forbidden. Warps take tokens in turn.
__device__ inline void normalise(const Crf& p, int first, int length) {
  for (int t = warp(); t < length; t += WARPS) {
    const long row = long(first + t) * LABELS;
    Scores scores, more;
    load(scores, p.marginals + row);
    load(more, p.log_beta + row);
    add(scores, more);
    shift(scores);
    const float total = log_sum(scores);
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) scores[s] = scores[s] == NEVER ? 0.0f : __expf(scores[s] - total);
    store(scores, p.marginals + row);
  }
}

extern "C" __global__ void __launch_bounds__(32 * WARPS, 1) crf(const Crf p) {
  __shared__ unsigned char near[NEAR];
  const int sentence = blockIdx.x, first = p.offsets[sentence], length = p.offsets[sentence + 1] - first;
  if (length == 0) {
    if (threadIdx.x == 0 && p.marginals) p.log_z[sentence] = 0.0f;
    return;
  }
  emit(p, first, length);
  __syncthreads();
  if (warp() == 0 && p.path) viterbi(p, first, length, length * LABELS <= NEAR ? near : p.pointers + long(first) * LABELS);
  if (warp() == 1 && p.marginals) forward(p, first, length, sentence);
  if (warp() == 2 && p.marginals) backward(p, first, length);
  __syncthreads();
  if (p.marginals) normalise(p, first, length);
}
