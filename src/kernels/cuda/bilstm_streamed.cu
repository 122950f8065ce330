// A bidirectional LSTM in one launch, for processors without clusters (compute capability 8.0 and newer), and for more
// hidden units than a cluster's registers hold.
//
// A block is one direction of 8 TILES sentences. Each step reads the recurrent weights anew, from the second-level
// cache. A warp has every WARPS-th group of 8 units, and keeps their cells in registers.
//
// UNITS is a multiple of 16. Launch 2 ceil(sentences / (8 TILES)) blocks of 32 WARPS threads.

#include "tile.h"

constexpr int GROUPS = UNITS / 8;
constexpr int PASSES = (GROUPS + WARPS - 1) / WARPS;
constexpr int DEPTH = UNITS / 16;
// Rows of hidden states are this long so that the 32 reads of a product fall into 32 banks.
constexpr int ROW = UNITS + 8;
constexpr int SENTENCES = COLUMNS * TILES;

static_assert(UNITS % 16 == 0, "padding");

extern "C" __global__ void __launch_bounds__(32 * WARPS, 1) bilstm(const Bilstm p) {
  alignas(16) __shared__ half hidden[2][SENTENCES][ROW];
  const int direction = blockIdx.x % 2, sentence = blockIdx.x / 2 * SENTENCES;

  for (int i = threadIdx.x; i < 2 * SENTENCES * ROW; i += blockDim.x) (&hidden[0][0][0])[i] = 0;
  const int steps = longest(p, sentence, SENTENCES);
  Walk walks[TILES][2];
  float cells[PASSES][TILES][2] = {};
#pragma unroll
  for (int n = 0; n < TILES; ++n)
#pragma unroll
    for (int j = 0; j < 2; ++j) walks[n][j] = Walk::of(p, direction, sentence + n * COLUMNS + first_column() + j);
  __syncthreads();

  for (int step = 0; step < steps; ++step) {
    auto& before = hidden[step % 2];
    auto& after = hidden[(step + 1) % 2];
#pragma unroll
    for (int pass = 0; pass < PASSES; ++pass) {
      const int group = pass * WARPS + warp(), unit = 8 * group + unit_of_group();
      if (group >= GROUPS) continue;
      Sums sums[TILES];
#pragma unroll 4
      for (int k = 0; k < DEPTH; ++k) {
        const uint4 a0 = fragment(p.weights, direction * GROUPS + group, 0, k, DEPTH);
        const uint4 a1 = fragment(p.weights, direction * GROUPS + group, 1, k, DEPTH);
#pragma unroll
        for (int n = 0; n < TILES; ++n) sums[n].add(k, a0, a1, before[n * COLUMNS + lane() / 4]);
      }
#pragma unroll
      for (int n = 0; n < TILES; ++n)
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          // A sentence that has ended stays as it is: nobody reads its state.
          if (!walks[n][j].has(step)) continue;
          const long place = walks[n][j].place(step, direction, unit, UNITS);
          half state = narrow(step_cell(cells[pass][n][j], p.inputs[place], sums[n], j));
          after[n * COLUMNS + first_column() + j][unit] = state;
          p.states[place] = state;
        }
    }
    __syncthreads();
  }
}
