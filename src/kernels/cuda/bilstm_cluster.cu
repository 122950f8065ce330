// A bidirectional LSTM in one launch, for processors with clusters (compute capability 9.0 and newer).
//
// A cluster of CLUSTER blocks is one direction of 8 TILES sentences. It holds the recurrent weights in registers from
// the first step to the last: a warp has 8 units, whose cells are registers too. A step's hidden states go as halves to
// every block of the cluster; of their two copies one is read while the other is written, so that a step has one barrier.
//
// UNITS is a multiple of 8 CLUSTER and of 16. Launch 2 CLUSTER ceil(sentences / (8 TILES)) blocks of 4 UNITS / CLUSTER
// threads.

#include "tile.h"

constexpr int GROUPS = UNITS / 8 / CLUSTER;
constexpr int DEPTH = UNITS / 16;
// Rows of hidden states are this long so that the 32 reads of a product fall into 32 banks.
constexpr int ROW = UNITS + 8;
constexpr int SENTENCES = COLUMNS * TILES;

static_assert(UNITS % 16 == 0 && UNITS % (8 * CLUSTER) == 0, "padding");

extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(32 * GROUPS, 1) bilstm(const Bilstm p) {
  alignas(16) __shared__ half hidden[2][SENTENCES][ROW];
  const int direction = blockIdx.x / CLUSTER % 2, sentence = blockIdx.x / CLUSTER / 2 * SENTENCES;
  const int group = cluster_rank() * GROUPS + warp(), unit = 8 * group + unit_of_group();

  uint4 weights[2][DEPTH];
#pragma unroll
  for (int tile = 0; tile < 2; ++tile)
#pragma unroll
    for (int k = 0; k < DEPTH; ++k)
      weights[tile][k] = fragment(p.weights, direction * (UNITS / 8) + group, tile, k, DEPTH);

  for (int i = threadIdx.x; i < 2 * SENTENCES * ROW; i += blockDim.x) (&hidden[0][0][0])[i] = 0;
  const int steps = longest(p, sentence, SENTENCES);
  Walk walks[TILES][2];
  float cells[TILES][2] = {};
  float4 inputs[TILES][2] = {};
  auto load_inputs = [&](int step) {
#pragma unroll
    for (int n = 0; n < TILES; ++n)
#pragma unroll
      for (int j = 0; j < 2; ++j)
        if (walks[n][j].has(step)) inputs[n][j] = p.inputs[walks[n][j].place(step, direction, unit, UNITS)];
  };
#pragma unroll
  for (int n = 0; n < TILES; ++n)
#pragma unroll
    for (int j = 0; j < 2; ++j) walks[n][j] = Walk::of(p, direction, sentence + n * COLUMNS + first_column() + j);
  load_inputs(0);

  // No block writes to another before that one runs and has cleared its memory.
  cluster_arrive();
  cluster_wait();

  for (int step = 0; step < steps; ++step) {
    auto& before = hidden[step % 2];
    auto& after = hidden[(step + 1) % 2];
#pragma unroll
    for (int n = 0; n < TILES; ++n) {
      Sums sums;
#pragma unroll
      for (int k = 0; k < DEPTH; ++k) sums.add(k, weights[0][k], weights[1][k], before[n * COLUMNS + lane() / 4]);
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        // A sentence that has ended stays as it is: nobody reads its state.
        if (!walks[n][j].has(step)) continue;
        half state = narrow(step_cell(cells[n][j], inputs[n][j], sums, j));
        half* place = &after[n * COLUMNS + first_column() + j][unit];
#pragma unroll
        for (int rank = 0; rank < CLUSTER; ++rank) cluster_store(place, rank, state);
        p.states[walks[n][j].place(step, direction, unit, UNITS)] = state;
      }
    }
    cluster_arrive();
    load_inputs(step + 1);
    cluster_wait();
  }
}
