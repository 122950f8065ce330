package ai.libmtl;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The functions of {@code bindings/java/native}, and what they call. Text is UTF-8 in bytes; options are keys and values in turn;
 * pointers are numbers, 0 for none. Whoever calls makes sure that objects live, by {@link Handle}, and that the library is loaded,
 * by {@link NativeLibrary#ensure()}.
 */
final class Native {
  private Native() {}

  static native int version();

  static native byte[] buildInfo();

  static native void logSet(int level);

  static native long bundleOpen(byte[] path, byte[][] options);

  static native long bundleOpenBytes(byte[] archive);

  static native long bundleOpenBuffer(ByteBuffer direct, int from, int length, byte[][] options);

  static native long bundleOpenDescriptor(int descriptor, long offset, long length, byte[][] options);

  static native int descriptorOf(FileDescriptor descriptor);

  static native byte[] bundleDigest(long bundle);

  static native byte[] bundleManifest(long bundle);

  static native void bundleFree(long bundle);

  static native long modelOpen(long bundle, byte[][] options, long pool);

  static native long modelRetain(long model);

  static native void modelRelease(long model);

  static native Object[] modelFacts(long model);

  static native long poolNew(int threads);

  static native void poolTrim(long pool);

  static native void poolFree(long pool);

  static native long cancelNew(long milliseconds);

  static native void cancelFire(long cancel);

  static native void cancelFree(long cancel);

  static native Object[] tag(long model, @Nullable Object[] documents, byte[][] options, long cancel);

  static native Object[] align(@Nullable Object[] correct, @Nullable Object[] answers, byte[][] options, long cancel);

  static native Object[] score(long model, Object[] exercises, byte[][] learners, byte[][] options, long cancel);

  static native Object[] learn(long model, Object[] exercises, byte[] mistakes, byte @Nullable [] prior, boolean remember,
      long cancel);

  static native Object[] learnerLoad(byte[] stored);

  /** C makes exceptions by it. */
  static MtlException failure(int number, byte @Nullable [] message, byte @Nullable [] place, byte @Nullable [] fault,
      byte @Nullable [] remedy) {
    return new MtlException(number, text(message), text(place), text(fault), text(remedy));
  }

  /** C sends messages by it. */
  static void log(int level, byte[] message) {
    Libmtl.receive(level, text(message));
  }

  static String text(byte @Nullable [] utf8) {
    return utf8 == null ? "" : new String(utf8, UTF_8);
  }
}
