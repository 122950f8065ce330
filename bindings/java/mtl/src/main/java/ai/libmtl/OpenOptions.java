package ai.libmtl;

import java.util.Collections;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How a model is opened. */
public final class OpenOptions extends Options<OpenOptions> {
  /** The engine {@code native} on the calls' own threads. */
  public static final OpenOptions DEFAULT = new OpenOptions(Collections.emptyMap(), null);

  final @Nullable Pool pool;

  private OpenOptions(Map<String, String> values, @Nullable Pool pool) {
    super(values);
    this.pool = pool;
  }

  @Override
  OpenOptions copy(Map<String, String> values) {
    return new OpenOptions(values, pool);
  }

  /** Sets an option of {@code mtl_model_open} by its name, for a libmtl that is newer than these classes. */
  public OpenOptions with(String key, String value) {
    return set(key, value);
  }

  /** Lets the model's calls use the threads of a pool. The model keeps them alive: the pool may be closed. */
  public OpenOptions pool(Pool pool) {
    return new OpenOptions(values, pool);
  }

  /**
   * What computes: {@code native}, the default, {@code onnx}, or, in a library that was built with it, {@code cuda}, which was not
   * run on a GPU yet.
   */
  public OpenOptions engine(String name) {
    return set("engine", name);
  }

  /** The threads of a call, up to 1024; 0, the default, is the calling thread alone. */
  public OpenOptions threads(int count) {
    return set("threads", Integer.toString(count));
  }

  /**
   * A kernel of the engine {@code native}, such as {@code generic}, {@code avx2} or {@code neon}; without it, the fastest of this
   * processor. With one kernel, results are the same everywhere, bit for bit.
   */
  public OpenOptions kernel(String name) {
    return set("kernel", name);
  }

  /** The graph that the engine {@code onnx} runs: {@code portable}, the default, or {@code fused}, for taggers that have it. */
  public OpenOptions graph(String name) {
    return set("graph", name);
  }

  /** KiB that the model may keep of the words that come again, 2048 without it; 0 keeps none. Results are the same. */
  public OpenOptions wordCache(int kibibytes) {
    return set("word_cache", Integer.toString(kibibytes));
  }

  /** The path of ONNX Runtime's shared library; without it, the one beside the program or the loader's own. */
  public OpenOptions onnxRuntime(String path) {
    return set("library", path);
  }

  /**
   * ONNX Runtime's execution providers in order, such as {@code tensorrt?}, {@code cuda?}, {@code cpu}: with a question mark one is
   * used if it is there, without one it must be.
   */
  public OpenOptions providers(String... names) {
    return set("providers", String.join(",", names));
  }

  /** The number of the GPU, 0 without it, for the engine {@code cuda} and the providers {@code cuda} and {@code tensorrt}. */
  public OpenOptions gpu(int number) {
    return set("gpu_device", Integer.toString(number));
  }

  /** MiB that the arena of the provider {@code cuda} may take. */
  public OpenOptions gpuMemory(int mebibytes) {
    return set("gpu_memory", Integer.toString(mebibytes));
  }

  /**
   * An existing folder in which the provider {@code tensorrt} keeps the engines that it builds, and to which nobody else may write:
   * what cannot be used there is deleted and built anew.
   */
  public OpenOptions tensorRtCache(String folder) {
    return set("tensorrt_cache", folder);
  }

  /** Whether the provider {@code tensorrt} may compute in half precision. */
  public OpenOptions tensorRtFp16(boolean allowed) {
    return set("tensorrt_fp16", Boolean.toString(allowed));
  }

  /** An existing folder in which the engine {@code cuda} keeps the kernels that it compiles, and to which nobody else may write. */
  public OpenOptions kernelCache(String folder) {
    return set("kernel_cache", folder);
  }

  /** Whether an ONNX Runtime that may write telemetry is taken. */
  public OpenOptions acceptTelemetry(boolean accepted) {
    return set("accept_telemetry", Boolean.toString(accepted));
  }

  /** The path of the table of word vectors by sentence, for a scorer that has none of its own. It is mapped: nobody may write to it. */
  public OpenOptions vectors(String path) {
    return set("vectors", path);
  }
}
