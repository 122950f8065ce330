package ai.libmtl;

/** Threads that the calls of several models share ({@link OpenOptions#pool}). */
public final class Pool implements AutoCloseable {
  final Handle handle;

  /**
   * Starts threads, 0 to 1024, that help the calls of the models opened with the pool; a call's own thread always does its part. They
   * end with the last of these models, once the pool is closed.
   */
  public Pool(int threads) {
    if (threads < 0 || threads > 1024) {
      throw MtlException.argument(threads + " is no number of threads", "pass 0 to 1024");
    }
    NativeLibrary.ensure();
    handle = new Handle("pool", Native.poolNew(threads), Native::poolFree, null);
  }

  /** Gives memory that the C library keeps for later calls back to the system, as far as it can. */
  public void trim() {
    handle.use(pool -> {
      Native.poolTrim(pool);
      return pool;
    });
  }

  /** Frees the pool; it may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
