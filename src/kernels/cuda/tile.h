// What the kernels share: products of packed weights with rows of halves, and the LSTM's cell.
//
// Weights are packed in groups of 8 units with 4 outputs each (an LSTM's gates i, f, g, o; an output layer's universal,
// specific, gate). A group is two tensor-core tiles, whose rows are the outputs 0 and 1, and 2 and 3, of the 8 units: so
// a thread ends with all four outputs of one unit, for two columns, and nothing is exchanged. `pack` in mod.rs packs.
#ifndef LIBMTL_CUDA_TILE_H
#define LIBMTL_CUDA_TILE_H

#include "device.h"

// Columns of a tensor-core tile: sentences, or tokens.
constexpr int COLUMNS = 8;

__device__ inline int lane() { return int(threadIdx.x) % 32; }
__device__ inline int warp() { return int(threadIdx.x) / 32; }

// The unit of its group that this thread ends with, and the first of its two columns.
__device__ inline int unit_of_group() { return lane() / 4; }
__device__ inline int first_column() { return lane() % 4 * 2; }

// Sums of four outputs of a unit for two columns; even and odd steps apart, as a chain of products waits for itself.
struct Sums {
  float chains[2][2][4] = {};

  // Adds step `k`, 16 inputs, of a group's tiles `a0` and `a1`. `column` begins the row of halves that is this lane's
  // part of the right-hand side: that of column lane / 4.
  __device__ void add(int k, const uint4& a0, const uint4& a1, const half* column) {
    const half* inputs = column + 16 * k + first_column();
    unsigned low = *reinterpret_cast<const unsigned*>(inputs), high = *reinterpret_cast<const unsigned*>(inputs + 8);
    multiply_add(chains[k % 2][0], a0, low, high);
    multiply_add(chains[k % 2][1], a1, low, high);
  }

  // Output 0..4 of column 0 or 1.
  __device__ float get(int output, int column) const {
    int tile = output / 2, place = output % 2 * 2 + column;
    return chains[0][tile][place] + chains[1][tile][place];
  }
};

// Step `k` of tile 0 or 1 of a group of `depth` steps, for this lane.
__device__ inline const uint4& fragment(const uint4* weights, int group, int tile, int k, int depth) {
  return weights[((group * 2 + tile) * depth + k) * 32 + lane()];
}

__device__ inline float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

// Right at both ends, where the exponential is 0 or infinite.
__device__ inline float tangent(float x) { return 1.0f - __fdividef(2.0f, 1.0f + __expf(2.0f * x)); }

// Updates a cell from what its gates add up to, and returns the hidden state.
__device__ inline float step_cell(float& cell, const float4& inputs, const Sums& sums, int column) {
  float i = sigmoid(inputs.x + sums.get(0, column)), f = sigmoid(inputs.y + sums.get(1, column));
  float g = tangent(inputs.z + sums.get(2, column)), o = sigmoid(inputs.w + sums.get(3, column));
  cell = f * cell + i * g;
  return o * tangent(cell);
}

// The arguments of both BiLSTM kernels; `Bilstm` in mod.rs is the same. UNITS is the hidden size, padded.
struct Bilstm {
  const uint4* weights;  // [direction 2][UNITS / 8 groups][tile 2][UNITS / 16 steps][lane 32]
  const float4* inputs;  // [token][direction 2][UNITS]: what input and biases add to the gates i, f, g, o
  const int* offsets;    // [sentences + 1]: the first token of each sentence, and last the number of tokens
  half* states;          // [token][direction 2][UNITS]: the result
  int sentences;
};

// A sentence as one direction walks it.
struct Walk {
  int first, stride, length;

  // Past the last sentence there are empty ones.
  __device__ static Walk of(const Bilstm& p, int direction, int sentence) {
    if (sentence >= p.sentences) return {0, 0, 0};
    int begin = p.offsets[sentence], end = p.offsets[sentence + 1];
    return direction ? Walk{end - 1, -1, end - begin} : Walk{begin, 1, end - begin};
  }

  __device__ bool has(int step) const { return step < length; }

  // Where the step's token has its values of `unit`, units being `units` wide.
  __device__ long place(int step, int direction, int unit, int units) const {
    return (2L * (first + stride * step) + direction) * units + unit;
  }
};

// Steps until the longest of `count` sentences ends.
__device__ inline int longest(const Bilstm& p, int sentence, int count) {
  int steps = 0;
  for (int s = sentence; s < sentence + count && s < p.sentences; ++s) {
    int length = p.offsets[s + 1] - p.offsets[s];
    steps = length > steps ? length : steps;
  }
  return steps;
}

#endif
