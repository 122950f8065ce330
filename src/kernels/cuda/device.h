// What the kernels need of the machine beyond C++: half precision, the tensor cores' product, and clusters of blocks.
// No header of CUDA is used, so NVRTC alone compiles them. tests/cuda/emulator.h stands in for this file on a CPU.
#ifndef LIBMTL_CUDA_DEVICE_H
#define LIBMTL_CUDA_DEVICE_H

// IEEE binary16, as its bits.
using half = unsigned short;

constexpr unsigned WHOLE_WARP = 0xffffffff;

// To the nearest half; ties go to even.
__device__ inline half narrow(float value) {
  half bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// sums += a b, with a of 16 rows and 16 columns, b of 16 and 8: mma.m16n8k16 of the PTX manual, which says what each
// lane holds. Halves come in pairs; the sums are single precision.
__device__ inline void multiply_add(float (&sums)[4], const uint4& a, unsigned b_low, unsigned b_high) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b_low), "r"(b_high));
}

#if __CUDA_ARCH__ >= 900

// The number of this block in its cluster.
__device__ inline int cluster_rank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return int(rank);
}

// Writes `value` into block `rank`'s own copy of `place`, which is shared memory.
__device__ inline void cluster_store(half* place, int rank, half value) {
  unsigned own = unsigned(__cvta_generic_to_shared(place)), theirs;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(own), "r"(rank));
  asm volatile("st.shared::cluster.u16 [%0], %1;" ::"r"(theirs), "h"(value) : "memory");
}

// A barrier of all threads of a cluster, in two halves: what was written before arriving is seen after waiting.
__device__ inline void cluster_arrive() { asm volatile("barrier.cluster.arrive.release;" ::: "memory"); }
__device__ inline void cluster_wait() { asm volatile("barrier.cluster.wait.acquire;" ::: "memory"); }

#endif
#endif
