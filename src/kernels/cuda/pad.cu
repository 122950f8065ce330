// What crf.cu gives of sentences, one after the other, as tensors of sentences of one length: zeros stand after the end of
// each. And the score of each best path.
//
// LABELS is that of crf.cu. Launch a block of 128 threads a sentence.

#include "tile.h"

// The arguments; `Pad` in mod.rs is the same.
struct Pad {
  const int* offsets;          // [sentences + 1]: the first token of each sentence, and last the number of tokens
  const int* places;           // [sentences]: where each stands in the tensors
  const float* emissions;      // [token][LABELS]
  const unsigned short* path;  // [token]
  const float* start;          // [LABELS]; minus infinity forbids, here and below
  const float* end;            // [LABELS]
  const float* pairs;          // [from][to]: transitions
  float* padded;               // [place][time][LABELS]: the emissions
  long long* labels;           // [place][time]: the path; -1 for all of a sentence that has an emission that is not finite
  float* scores;               // [place]: of the path
  int time;
};

constexpr int THREADS = 128;

extern "C" __global__ void __launch_bounds__(THREADS) pad(const Pad p) {
  __shared__ int broken;
  const int sentence = int(blockIdx.x), first = p.offsets[sentence], length = p.offsets[sentence + 1] - first;
  const long place = p.places[sentence];
  const float* emissions = p.emissions + long(first) * LABELS;
  const unsigned short* path = p.path + first;
  if (threadIdx.x == 0) broken = 0;
  __syncthreads();
  for (long i = threadIdx.x; i < long(p.time) * LABELS; i += THREADS) {
    const float value = i < long(length) * LABELS ? emissions[i] : 0.0f;
    p.padded[place * p.time * LABELS + i] = value;
    // Infinity less itself is no number, and that equals nothing.
    if (value - value != 0.0f) broken = 1;
  }
  __syncthreads();
  for (int t = int(threadIdx.x); t < p.time; t += THREADS)
    p.labels[place * p.time + t] = t >= length ? 0 : broken ? -1 : path[t];
  if (warp() != 0) return;
  float score = 0.0f;
  for (int t = lane(); t < length; t += 32) {
    const int label = path[t];
    score += emissions[long(t) * LABELS + label];
    score += t == 0 ? p.start[label] : p.pairs[path[t - 1] * LABELS + label];
    if (t + 1 == length) score += p.end[label];
  }
#pragma unroll
  for (int distance = 16; distance; distance /= 2) score += __shfl_xor_sync(WHOLE_WARP, score, distance);
  if (lane() == 0) p.scores[place] = score;
}
