// One kernel for the emulator, as a shared library: KERNEL is its file, ENTRY its name, ARGUMENTS the type of its
// arguments.

#include "emulator.h"

#include KERNEL

// Runs the kernel; the order of its threads is drawn from `seed`.
extern "C" void emulate(unsigned blocks, unsigned threads, unsigned cluster, const void* arguments, unsigned seed) {
  auto kernel = [](const void* arguments) { ENTRY(*static_cast<const ARGUMENTS*>(arguments)); };
  emulator::run(blocks, threads, cluster, kernel, arguments, seed);
}
