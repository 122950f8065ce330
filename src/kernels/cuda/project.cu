// The part of an LSTM's gates that comes from its inputs, of every token at once and for both directions.
//
// INPUTS is the length of an input row, padded to a multiple of 16. A block of 4 warps takes 32 tokens and 4 groups of 8
// units, a warp each. Launch ceil(tokens / 32) * groups / 4 blocks of 128 threads; groups is a multiple of 4.

#include "tile.h"

// The arguments; `Projection` in mod.rs is the same.
struct Projection {
  const uint4* weights;  // [groups][tile 2][INPUTS / 16 steps][lane 32]
  const float4* bias;    // [8 groups]
  const half* rows;      // [tokens][INPUTS]
  float4* outputs;       // [tokens][8 groups]
  int tokens, groups;
};

constexpr int DEPTH = INPUTS / 16;
constexpr int TILES = 4;

static_assert(INPUTS % 16 == 0, "padding");

extern "C" __global__ void __launch_bounds__(128) project(const Projection p) {
  const int quads = p.groups / 4;
  const int group = blockIdx.x % quads * 4 + warp(), unit = 8 * group + unit_of_group();
  const int token = blockIdx.x / quads * TILES * COLUMNS;
  Sums sums[TILES];
#pragma unroll 2
  for (int k = 0; k < DEPTH; ++k) {
    const uint4 a0 = fragment(p.weights, group, 0, k, DEPTH), a1 = fragment(p.weights, group, 1, k, DEPTH);
#pragma unroll
    for (int n = 0; n < TILES; ++n) {
      // Past the last token its row is read again, and nothing written.
      const int row = min(token + n * COLUMNS + lane() / 4, p.tokens - 1);
      sums[n].add(k, a0, a1, p.rows + long(row) * INPUTS);
    }
  }
  const float4 bias = p.bias[unit];
#pragma unroll
  for (int n = 0; n < TILES; ++n)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int row = token + n * COLUMNS + first_column() + j;
      if (row >= p.tokens) continue;
      const Sums& s = sums[n];
      p.outputs[long(row) * 8 * p.groups + unit] =
          make_float4(bias.x + s.get(0, j), bias.y + s.get(1, j), bias.z + s.get(2, j), bias.w + s.get(3, j));
    }
}
