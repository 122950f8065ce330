// One kernel for the emulator, as a shared library: KERNEL is its file, ENTRY its name, ARGUMENTS the type of its
// arguments, BLOCK_THREADS and BLOCK_CLUSTER how it is to be launched.

#include "emulator.h"

#include KERNEL

#define TEXT(name) #name
#define NAME(name) TEXT(name)

extern "C" {

// What driver.cpp wants to know of it.
extern const unsigned kernel_threads = BLOCK_THREADS, kernel_cluster = BLOCK_CLUSTER, kernel_arguments = sizeof(ARGUMENTS);
extern const char kernel_entry[] = NAME(ENTRY);

// Runs the kernel; the order of its threads is drawn from `seed`.
void emulate(unsigned blocks, unsigned threads, unsigned cluster, const void* arguments, unsigned seed) {
  auto kernel = [](const void* arguments) { ENTRY(*static_cast<const ARGUMENTS*>(arguments)); };
  emulator::run(blocks, threads, cluster, kernel, arguments, seed);
}

}
