// Runs a kernel on a CPU: stands in for device.h, and for what CUDA adds to C++. For tests of what a kernel computes:
// its indices, its layouts, its barriers. What it cannot show: the words of PTX, the memory model, and time.
//
// A block is a thread of the system, and shared memory is that thread's own. The block's threads are coroutines, which
// stop at barriers only, and go on in an order drawn at random, so that a missing barrier shows. Included once a library;
// its variables are static, so that libraries do not share them.
#ifndef LIBMTL_CUDA_DEVICE_H
#define LIBMTL_CUDA_DEVICE_H

#include <ucontext.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __shared__ static thread_local
#define __launch_bounds__(...)
#define __cluster_dims__(...)

using half = unsigned short;
struct uint4 { unsigned x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };
struct Index { unsigned x; };

constexpr unsigned WHOLE_WARP = 0xffffffff;

namespace emulator {

// Threads that wait for each other, of one block or of a cluster.
struct Barrier {
  std::atomic<unsigned> arrived{0}, generation{0};
  unsigned expected = 0;

  void arrive() {
    if (++arrived == expected) arrived = 0, ++generation;
  }
};

// What the blocks of a cluster see of each other: where each keeps its shared memory.
struct Cluster {
  Barrier barrier;
  std::vector<std::atomic<char*>> memory;

  explicit Cluster(unsigned blocks, unsigned threads) : memory(blocks) { barrier.expected = blocks * threads; }
};

// What a lane shows the others of its warp.
struct Shown {
  uint32_t word;
  uint4 a;
  unsigned b[2];
};

// There are two copies of what is shown, used in turn, so that showing takes one barrier.
struct Warp {
  Barrier barrier;
  Shown shown[2][32];
};

struct Coroutine {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  bool done = false;
  Barrier* barrier = nullptr;  // where it waits,
  unsigned generation = 0;     // for the end of this generation

  bool ready() const { return !barrier || barrier->generation != generation; }
};

struct Block {
  unsigned rank = 0;
  Cluster* cluster = nullptr;
  Barrier barrier;
  std::vector<Warp> warps;
  std::vector<Coroutine> threads;
  ucontext_t scheduler;
  unsigned current = 0;
  void (*kernel)(const void*) = nullptr;
  const void* arguments = nullptr;
};

static thread_local Block* block = nullptr;
// Any shared variable lies as far from the `anchor` of its block as its copies do from theirs.
static thread_local char anchor = 0;

inline Coroutine& self() { return block->threads[block->current]; }

inline void wait(Barrier& barrier, unsigned generation) {
  self().barrier = &barrier, self().generation = generation;
  if (!self().ready()) swapcontext(&self().context, &block->scheduler);
}

inline void meet(Barrier& barrier) {
  const unsigned generation = barrier.generation;
  barrier.arrive();
  wait(barrier, generation);
}

inline void enter() {
  Block& own = *block;
  own.kernel(own.arguments);
  self().done = true;
  swapcontext(&self().context, &own.scheduler);
}

}  // namespace emulator

static thread_local Index blockIdx, blockDim;

struct ThreadIndex {
  struct Current {
    operator unsigned() const { return emulator::block->current; }
  } x;
};
inline constexpr ThreadIndex threadIdx;

namespace emulator {

inline Warp& warp() { return block->warps[block->current / 32]; }
inline unsigned lane() { return block->current % 32; }

inline void run_block(unsigned index, unsigned threads, Cluster* cluster, unsigned rank, void (*kernel)(const void*),
                      const void* arguments, unsigned seed) {
  Block own;
  own.rank = rank, own.cluster = cluster, own.barrier.expected = threads, own.kernel = kernel, own.arguments = arguments;
  own.warps = std::vector<Warp>(threads / 32);
  own.threads = std::vector<Coroutine>(threads);
  for (Warp& warp : own.warps) warp.barrier.expected = 32;
  block = &own, blockIdx.x = index, blockDim.x = threads;
  cluster->memory[rank] = &anchor;
  constexpr size_t STACK = 128 * 1024;
  for (Coroutine& thread : own.threads) {
    thread.stack.reset(new char[STACK]);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = STACK;
    makecontext(&thread.context, enter, 0);
  }
  unsigned random = seed + index;  // of a linear congruential generator
  std::vector<unsigned> order(threads);
  for (unsigned i = 0; i < threads; ++i) order[i] = i;
  while (!order.empty()) {
    // A round in which each goes on once that can, in an order that changes from round to round.
    random = random * 1664525 + 1013904223;
    std::swap(order[(random >> 16) % order.size()], order.back());
    bool idle = true;
    for (size_t i = order.size(); i-- > 0;) {
      Coroutine& thread = own.threads[order[i]];
      if (!thread.ready()) continue;
      idle = false, own.current = order[i];
      swapcontext(&own.scheduler, &thread.context);
      if (thread.done) order.erase(order.begin() + long(i));
    }
    if (idle && cluster->memory.size() == 1) {
      std::fprintf(stderr, "block %u: not all threads reach a barrier\n", index);
      std::abort();
    }
    if (idle) std::this_thread::yield();
  }
}

// Runs `blocks` blocks of `threads` threads, each cluster's at the same time.
inline void run(unsigned blocks, unsigned threads, unsigned cluster_size, void (*kernel)(const void*),
                const void* arguments, unsigned seed) {
  for (unsigned first = 0; first < blocks; first += cluster_size) {
    Cluster cluster(cluster_size, threads);
    std::vector<std::thread> running;
    for (unsigned rank = 0; rank < cluster_size; ++rank)
      running.emplace_back(run_block, first + rank, threads, &cluster, rank, kernel, arguments, seed);
    for (std::thread& thread : running) thread.join();
  }
}

// Shows something to the warp, and returns what all lanes show.
inline const Shown* show(const Shown& shown) {
  Warp& own = warp();
  Shown* all = own.shown[own.barrier.generation % 2];
  all[lane()] = shown;
  meet(own.barrier);
  return all;
}

// The value that lane `source` shows.
template <class T>
T shuffle(T value, unsigned source) {
  return std::bit_cast<T>(show({.word = std::bit_cast<uint32_t>(value), .a = {}, .b = {}})[source % 32].word);
}

// The values of all halves.
static const std::vector<float> halves = [] {
  std::vector<float> values(1 << 16);
  for (int bits = 0; bits < 1 << 16; ++bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                       : exponent     ? std::ldexp(float(fraction + 1024), exponent - 25)
                                      : std::ldexp(float(fraction), -24);
    values[size_t(bits)] = bits & 0x8000 ? -size : size;
  }
  return values;
}();

inline float of_pair(unsigned pair, int which) { return halves[which ? pair >> 16 : pair & 0xffff]; }

}  // namespace emulator

inline void __syncthreads() { emulator::meet(emulator::block->barrier); }
inline void __syncwarp() { emulator::meet(emulator::warp().barrier); }

template <class T>
T __shfl_sync(unsigned, T value, int source) { return emulator::shuffle(value, unsigned(source)); }
template <class T>
T __shfl_xor_sync(unsigned, T value, int distance) { return emulator::shuffle(value, emulator::lane() ^ unsigned(distance)); }

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __int_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline int min(int a, int b) { return a < b ? a : b; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// To the nearest half; ties go to even.
inline half narrow(float value) {
  const half sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size < 6.103515625e-5f) return half(sign | int(std::nearbyint(std::ldexp(size, 24))));
  int exponent;
  const float fraction = std::frexp(size, &exponent);  // in [1/2, 1)
  // A fraction that rounds up to 1 carries into the exponent.
  return half(sign | (((exponent + 13) << 10) + int(std::nearbyint(std::ldexp(fraction, 11)))));
}

// mma.m16n8k16 as the PTX manual lays it out. With g = lane / 4 and q = lane % 4: a.x holds row g and columns 2q, 2q + 1,
// a.y row g + 8, a.z and a.w the same rows 8 columns on; b_low holds rows 2q, 2q + 1 of column g, b_high 8 rows on; sums
// 0 and 1 are row g and columns 2q, 2q + 1, sums 2 and 3 row g + 8.
inline void multiply_add(float (&sums)[4], const uint4& a, unsigned b_low, unsigned b_high) {
  using namespace emulator;
  const Shown* all = show({.word = 0, .a = a, .b = {b_low, b_high}});
  for (int i = 0; i < 4; ++i) {
    const int row = int(lane()) / 4, column = int(lane()) % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const uint4& left = all[row * 4 + k % 8 / 2].a;
      const unsigned upper = k < 8 ? left.x : left.z, lower = k < 8 ? left.y : left.w;
      sums[i] += of_pair(i < 2 ? upper : lower, k % 2) * of_pair(all[column * 4 + k % 8 / 2].b[k / 8], k % 2);
    }
  }
}

inline int cluster_rank() { return int(emulator::block->rank); }

inline void cluster_store(half* place, int rank, half value) {
  char* theirs = emulator::block->cluster->memory[size_t(rank)] + (reinterpret_cast<char*>(place) - &emulator::anchor);
  *reinterpret_cast<half*>(theirs) = value;
}

namespace emulator {
static thread_local std::vector<unsigned> arrived;  // the generation in which each thread of the block arrived
}
inline void cluster_arrive() {
  emulator::arrived.resize(emulator::block->threads.size());
  emulator::Barrier& barrier = emulator::block->cluster->barrier;
  emulator::arrived[emulator::block->current] = barrier.generation;
  barrier.arrive();
}
inline void cluster_wait() {
  emulator::wait(emulator::block->cluster->barrier, emulator::arrived[emulator::block->current]);
}

#endif
