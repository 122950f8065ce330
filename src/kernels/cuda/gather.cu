// The feature rows of tokens from those of their words: rounded to halves, and padded with zeros.
//
// FEATURES is the length of a word's row, INPUTS that of a token's, a multiple of 16. A warp is a token: launch
// ceil(tokens / 4) blocks of 128 threads.

#include "tile.h"

// The arguments; `Gather` in mod.rs is the same.
struct Gather {
  const float* words;  // [words][FEATURES]
  const int* tokens;   // [tokens]: the word of each
  half* rows;          // [tokens][INPUTS]
  int count;           // of tokens
};

constexpr int WARPS = 4;

static_assert(FEATURES <= INPUTS && INPUTS % 16 == 0, "padding");

extern "C" __global__ void __launch_bounds__(32 * WARPS) gather(const Gather p) {
  const int token = int(blockIdx.x) * WARPS + warp();
  if (token >= p.count) return;
  const float* word = p.words + long(p.tokens[token]) * FEATURES;
  half* row = p.rows + long(token) * INPUTS;
  for (int i = lane(); i < INPUTS; i += 32) row[i] = i < FEATURES ? narrow(word[i]) : half(0);
}
