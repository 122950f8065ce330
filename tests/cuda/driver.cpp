// Stands in for CUDA's driver: as much of it as libmtl calls, over the kernels that kernel.cpp makes. For tests of what is
// launched, copied, allocated and freed.
//
// A stream does nothing before it is waited for, so that whoever reads too early reads what was there before, and
// memory that is freed while a stream still needs it is noticed. A kernel's machine code is a shared library of this
// machine. What no caller may do is written to `faults`; what a GPU may refuse, `fake_fail` makes it refuse.

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using Address = unsigned long long;
using Result = unsigned;

namespace {

enum : Result { OK = 0, INVALID_VALUE = 1, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NOT_FOUND = 500 };

struct Stream {
  std::deque<std::function<void()>> work;
  unsigned done = 0, asked = 0;  // pieces of work, ever

  void push(std::function<void()> step) { work.push_back(std::move(step)), ++asked; }

  // Does what is left of the first `count` pieces.
  void finish(unsigned count) {
    for (; done < count; ++done) work.front()(), work.pop_front();
  }
};

// When a stream has done so many pieces; nothing to wait for where there is none.
struct Event {
  Stream* stream = nullptr;
  unsigned count = 0;
};

// A kernel of kernel.cpp, or, without `emulate`, one that is for a GPU: it can be loaded, not launched.
struct Module {
  void* library = nullptr;
  void (*emulate)(unsigned, unsigned, unsigned, const void*, unsigned) = nullptr;
  unsigned threads = 0, cluster = 0, arguments = 0;
  std::string entry;
};

std::mutex lock;
std::string faults, launches;
std::map<std::string, unsigned> calls;
std::map<std::string, std::pair<unsigned, Result>> failures;  // after how many calls, with what
std::map<char*, size_t> device, host;
std::map<Stream*, std::unique_ptr<Stream>> streams;
std::map<Event*, std::unique_ptr<Event>> events;
Stream* provider = nullptr;  // the stream of another library
std::map<Module*, std::unique_ptr<Module>> modules;
std::map<std::string, void*> libraries;  // by the bytes of their files
int devices = 1, major = 9, minor = 0, processors = 4, retained = 0;
char context;  // its address is the context
thread_local std::vector<void*> entered;

void fault(const std::string& what) { faults += what + "\n"; }

// Counts a call of `name`, and gives what it shall fail with.
Result begin(const char* name, bool in_context = true) {
  const unsigned count = calls[name]++;
  const auto found = failures.find(name);
  if (found != failures.end() && found->second.first == count) return found->second.second;
  if (in_context && (entered.empty() || entered.back() != &context || !retained)) {
    fault(std::string(name) + " without a context");
    return INVALID_CONTEXT;
  }
  return OK;
}

// Whether `bytes` bytes from `start` lie in one of the pieces.
bool within(const std::map<char*, size_t>& pieces, const void* start, size_t bytes) {
  char* place = static_cast<char*>(const_cast<void*>(start));
  auto after = pieces.upper_bound(place);
  if (after == pieces.begin()) return false;
  --after;
  return place + bytes <= after->first + after->second;
}

// New memory holds what no kernel can take for a number.
Result allocate(std::map<char*, size_t>& pieces, void** out, size_t bytes) {
  if (bytes == 0) return INVALID_VALUE;
  char* memory = static_cast<char*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  std::memset(memory, 0xff, bytes);
  pieces[memory] = bytes;
  *out = memory;
  return OK;
}

Result release(std::map<char*, size_t>& pieces, void* memory, const char* name) {
  for (auto& [stream, kept] : streams)
    if (!stream->work.empty()) fault(std::string(name) + " while a stream has work");
  if (!pieces.erase(static_cast<char*>(memory))) {
    fault(std::string(name) + " of what is not allocated");
    return INVALID_VALUE;
  }
  std::free(memory);
  return OK;
}

// The length of a library, from its own headers: those of its sections come last.
size_t length(const void* image) {
  const auto* header = static_cast<const Elf64_Ehdr*>(image);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  return header->e_shoff + size_t(header->e_shentsize) * header->e_shnum;
}

// Libraries stay: their variables belong to threads that have used them.
void* open_image(const void* image) {
  void*& kept = libraries[std::string(static_cast<const char*>(image), length(image))];
  if (kept) return kept;
  char path[] = "/tmp/libmtl-kernel-XXXXXX";
  const int file = mkstemp(path);
  size_t size = length(image), written = 0;
  while (file >= 0 && written < size) {
    const ssize_t step = write(file, static_cast<const char*>(image) + written, size - written);
    if (step <= 0) break;
    written += size_t(step);
  }
  void* library = written == size ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  close(file);
  unlink(path);
  return kept = library;
}

}  // namespace

#define LOCKED std::lock_guard<std::mutex> guard(lock)
#define BEGIN(...)                                                  \
  LOCKED;                                                           \
  if (const Result refused = begin(__VA_ARGS__)) return refused

extern "C" {

// What tests say and ask.

void fake_gpu(int count, int new_major, int new_minor) { devices = count, major = new_major, minor = new_minor; }

// The call of `name` after `skip` more fails with `result`; 0 of them fails where `result` is 0.
void fake_fail(const char* name, unsigned skip, Result result) {
  LOCKED;
  failures.clear();
  if (result) failures[name] = {calls[name] + skip, result};
}

unsigned fake_calls(const char* name) { LOCKED; return calls[name]; }
const char* fake_faults() { return faults.c_str(); }

// A line a launch since the last call: its entry, blocks, threads and cluster.
const char* fake_launches() {
  static std::string told;
  LOCKED;
  told = launches, launches.clear();
  return told.c_str();
}

// What is allocated, created, loaded and retained.
unsigned fake_live() {
  LOCKED;
  return unsigned(device.size() + host.size() + streams.size() + events.size() + modules.size() + size_t(retained));
}

unsigned fake_entered() { return unsigned(entered.size()); }

// The stream of another library, which has the device's context, too; `fake_leave` ends both.
void* fake_provide() {
  LOCKED;
  auto made = std::make_unique<Stream>();
  provider = made.get(), ++retained;
  streams[provider] = std::move(made);
  return provider;
}
void* fake_provider() { return provider; }
void fake_finish() { LOCKED; provider->finish(provider->asked); }
void fake_leave() {
  LOCKED;
  if (!provider->work.empty()) fault("the provider's stream is left with work");
  streams.erase(provider), provider = nullptr, --retained;
}

// What other streams than the provider's have been asked for, ever, and what is left to do of that of the provider.
unsigned fake_astray() {
  LOCKED;
  unsigned sum = 0;
  for (auto& [stream, kept] : streams) sum += stream == provider ? 0 : stream->asked;
  return sum;
}
unsigned fake_waiting() { LOCKED; return unsigned(provider->work.size()); }

// The driver.

Result cuInit(unsigned flags) { BEGIN("cuInit", false); return flags ? INVALID_VALUE : OK; }
Result cuDriverGetVersion(int* version) { BEGIN("cuDriverGetVersion", false); *version = 13020; return OK; }
Result cuGetErrorName(Result result, const char** name) {
  if (result != 700) return *name = nullptr, INVALID_VALUE;
  return *name = "CUDA_ERROR_ILLEGAL_ADDRESS", OK;
}
Result cuGetErrorString(Result result, const char** text) {
  if (result != 700) return *text = nullptr, INVALID_VALUE;
  return *text = "an illegal memory access was encountered", OK;
}
Result cuDeviceGetCount(int* count) { BEGIN("cuDeviceGetCount", false); *count = devices; return OK; }
Result cuDeviceGet(int* found, int number) {
  BEGIN("cuDeviceGet", false);
  return number < devices ? (*found = 100 + number, OK) : INVALID_DEVICE;
}
Result cuDeviceGetName(char* name, int size, int) {
  BEGIN("cuDeviceGetName", false);
  std::snprintf(name, size_t(size), "Emulated GPU");
  return OK;
}
Result cuDeviceGetAttribute(int* value, int attribute, int) {
  BEGIN("cuDeviceGetAttribute", false);
  *value = attribute == 75 ? major : attribute == 76 ? minor : attribute == 16 ? processors : -1;
  return *value < 0 ? INVALID_VALUE : OK;
}
Result cuDevicePrimaryCtxRetain(void** out, int number) {
  BEGIN("cuDevicePrimaryCtxRetain", false);
  if (number < 100) return INVALID_DEVICE;
  ++retained, *out = &context;
  return OK;
}
Result cuDevicePrimaryCtxRelease_v2(int) {
  BEGIN("cuDevicePrimaryCtxRelease_v2", false);
  if (retained-- == 1 && device.size() + host.size() + streams.size() + events.size() + modules.size()) fault("a context is released with what is in it");
  return OK;
}
Result cuCtxPushCurrent_v2(void* pushed) {
  BEGIN("cuCtxPushCurrent_v2", false);
  if (pushed != &context || !retained) return INVALID_CONTEXT;
  entered.push_back(pushed);
  return OK;
}
Result cuCtxPopCurrent_v2(void** popped) {
  BEGIN("cuCtxPopCurrent_v2");
  *popped = entered.back(), entered.pop_back();
  return OK;
}

Result cuStreamCreate(void** out, unsigned flags) {
  BEGIN("cuStreamCreate");
  if (flags != 1) fault("a stream that waits for the default stream");
  auto made = std::make_unique<Stream>();
  *out = made.get();
  streams[made.get()] = std::move(made);
  return OK;
}
Result cuStreamSynchronize(void* handle) {
  LOCKED;
  const Result refused = begin("cuStreamSynchronize");
  const auto found = streams.find(static_cast<Stream*>(handle));
  if (found == streams.end()) return fault("no such stream"), INVALID_VALUE;
  found->first->finish(found->first->asked);
  return refused;
}
Result cuStreamDestroy_v2(void* handle) {
  BEGIN("cuStreamDestroy_v2");
  if (!streams.erase(static_cast<Stream*>(handle))) fault("no such stream");
  return OK;
}

Result cuEventCreate(void** out, unsigned flags) {
  BEGIN("cuEventCreate");
  if (flags != 2) fault("an event that tells the time");
  auto made = std::make_unique<Event>();
  *out = made.get();
  events[made.get()] = std::move(made);
  return OK;
}
Result cuEventRecord(void* handle, void* stream) {
  BEGIN("cuEventRecord");
  const auto found = events.find(static_cast<Event*>(handle));
  const auto place = streams.find(static_cast<Stream*>(stream));
  if (found == events.end() || place == streams.end()) return fault("no such event or stream"), INVALID_VALUE;
  *found->first = {place->first, place->first->asked};
  return OK;
}
Result cuEventSynchronize(void* handle) {
  LOCKED;
  const Result refused = begin("cuEventSynchronize");
  const auto found = events.find(static_cast<Event*>(handle));
  if (found == events.end()) return fault("no such event"), INVALID_VALUE;
  // What a stream was asked for is done before the stream ends.
  if (streams.count(found->first->stream)) found->first->stream->finish(found->first->count);
  return refused;
}
Result cuEventDestroy_v2(void* handle) {
  BEGIN("cuEventDestroy_v2");
  if (!events.erase(static_cast<Event*>(handle))) fault("no such event");
  return OK;
}

Result cuModuleLoadData(void** out, const void* image) {
  BEGIN("cuModuleLoadData");
  if (!length(image)) return INVALID_IMAGE;
  auto made = std::make_unique<Module>();
  if (static_cast<const Elf64_Ehdr*>(image)->e_machine != EM_CUDA) {
    made->library = open_image(image);
    if (!made->library) return INVALID_IMAGE;
    auto number = [&](const char* name) { return *static_cast<const unsigned*>(dlsym(made->library, name)); };
    made->threads = number("kernel_threads"), made->cluster = number("kernel_cluster"), made->arguments = number("kernel_arguments");
    made->entry = static_cast<const char*>(dlsym(made->library, "kernel_entry"));
    made->emulate = reinterpret_cast<decltype(made->emulate)>(dlsym(made->library, "emulate"));
  }
  *out = made.get();
  modules[made.get()] = std::move(made);
  return OK;
}
Result cuModuleUnload(void* handle) {
  BEGIN("cuModuleUnload");
  if (!modules.erase(static_cast<Module*>(handle))) fault("no such module");
  return OK;
}
Result cuModuleGetFunction(void** out, void* handle, const char* name) {
  BEGIN("cuModuleGetFunction");
  const auto found = modules.find(static_cast<Module*>(handle));
  if (found == modules.end()) return fault("no such module"), INVALID_VALUE;
  if (found->first->emulate && found->first->entry != name) return NOT_FOUND;
  *out = handle;
  return OK;
}

Result cuMemAlloc_v2(Address* out, size_t bytes) {
  BEGIN("cuMemAlloc_v2");
  void* memory = nullptr;
  const Result result = allocate(device, &memory, bytes);
  *out = reinterpret_cast<Address>(memory);
  return result;
}
Result cuMemFree_v2(Address memory) {
  BEGIN("cuMemFree_v2");
  return release(device, reinterpret_cast<void*>(memory), "cuMemFree");
}
Result cuMemAllocHost_v2(void** out, size_t bytes) { BEGIN("cuMemAllocHost_v2"); return allocate(host, out, bytes); }
Result cuMemFreeHost(void* memory) { BEGIN("cuMemFreeHost"); return release(host, memory, "cuMemFreeHost"); }

Result cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, void* stream) {
  BEGIN("cuMemcpyHtoDAsync_v2");
  void* target = reinterpret_cast<void*>(to);
  if (!bytes || !within(device, target, bytes)) return fault("a copy to the GPU beyond its memory"), INVALID_VALUE;
  static_cast<Stream*>(stream)->push([=] { std::memcpy(target, from, bytes); });
  return OK;
}
Result cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, void* stream) {
  BEGIN("cuMemcpyDtoHAsync_v2");
  const void* source = reinterpret_cast<const void*>(from);
  if (!bytes || !within(device, source, bytes)) return fault("a copy from the GPU beyond its memory"), INVALID_VALUE;
  if (!within(host, to, bytes)) return fault("a copy beyond pinned memory"), INVALID_VALUE;
  static_cast<Stream*>(stream)->push([=] { std::memcpy(to, source, bytes); });
  return OK;
}

Result cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned block_y, unsigned block_z,
                      unsigned shared, void* stream, void** parameters, void** extra) {
  BEGIN("cuLaunchKernel");
  const auto found = modules.find(static_cast<Module*>(function));
  if (found == modules.end() || !found->first->emulate) return fault("a launch of no kernel"), INVALID_VALUE;
  const Module& module = *found->first;
  if (x == 0 || x > 0x7fffffff || y != 1 || z != 1 || block_y != 1 || block_z != 1) return fault("geometry"), INVALID_VALUE;
  if (threads != module.threads || threads % 32 || threads > 1024) return fault("threads"), INVALID_VALUE;
  if (x % module.cluster) return fault("blocks that are no whole clusters"), INVALID_VALUE;
  if (shared || extra || !parameters) return fault("parameters"), INVALID_VALUE;
  launches += module.entry + " " + std::to_string(x) + " " + std::to_string(threads) + " " + std::to_string(module.cluster) + "\n";
  // A launch copies its arguments.
  const auto* first = static_cast<const char*>(parameters[0]);
  std::vector<char> arguments(first, first + module.arguments);
  const auto emulate = module.emulate;
  const unsigned cluster = module.cluster;
  static_cast<Stream*>(stream)->push(
      [=] { emulate(x, threads, cluster, arguments.data(), unsigned(launches.size())); });
  return OK;
}

}  // extern "C"
