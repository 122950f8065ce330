package ai.libmtl;

import org.jspecify.annotations.Nullable;

/** The library as a whole: versions, and its messages. */
public final class Libmtl {
  /** The version of these classes; the native library is of the same one. */
  public static final String VERSION = "0.1.0";

  private static final ThreadLocal<Boolean> LISTENING = ThreadLocal.withInitial(() -> false);
  private static volatile @Nullable Listener listener;

  private Libmtl() {}

  /** A message's level. */
  public enum Level {
    /** Something that was asked for is not to be had, and something else is used instead. */
    WARN(2),
    /** What happened, about once an opened object. */
    INFO(3);

    private final int number;

    Level(int number) {
      this.number = number;
    }
  }

  /** Receives the library's messages. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Runs on the thread that made the call, on several at once if several call. It must not call {@link #listen} or
     * {@link #silence}; what it throws goes to the thread's handler of uncaught exceptions.
     */
    void message(Level level, String text);
  }

  /** The version of the native library, such as {@code 0.1.0}. */
  public static String version() {
    NativeLibrary.ensure();
    return loadedVersion();
  }

  static String loadedVersion() {
    int number = Native.version();
    return number / 1_000_000 + "." + number / 1_000 % 1_000 + "." + number % 1_000;
  }

  /** How the native library was built, as JSON: {@code version}, {@code abi}, {@code engines}, {@code debug}. */
  public static String buildInfo() {
    NativeLibrary.ensure();
    return Native.text(Native.buildInfo());
  }

  /**
   * Sends messages of at most this level to a listener, in place of the one before. The library is silent at first, and its messages
   * never hold a user's text.
   */
  public static void listen(Level atMost, Listener to) {
    set(atMost.number, to);
  }

  /** Ends {@link #listen}: when it returns, the listener runs no more. */
  public static void silence() {
    set(0, null);
  }

  private static void set(int level, @Nullable Listener to) {
    if (LISTENING.get()) {
      throw new IllegalStateException("a listener must not change the listener; do it when its call has ended");
    }
    NativeLibrary.ensure();
    synchronized (Libmtl.class) {
      Native.logSet(0); // waits for the one before
      listener = to;
      if (to != null) {
        Native.logSet(level);
      }
    }
  }

  /** A message of C's. */
  static void receive(int level, String text) {
    Listener to = listener;
    if (to == null) {
      return;
    }
    LISTENING.set(true);
    try {
      to.message(level <= Level.WARN.number ? Level.WARN : Level.INFO, text);
    } catch (Throwable thrown) { // none may reach C
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
    } finally {
      LISTENING.remove();
    }
  }
}
