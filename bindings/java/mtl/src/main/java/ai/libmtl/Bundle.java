package ai.libmtl;

import java.io.FileDescriptor;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A model on disk or in memory, read and checked: what a {@link Model} is opened on. It may be closed once that is done. */
public final class Bundle implements AutoCloseable {
  final Handle handle;
  private final String digest;

  private Bundle(long pointer, @Nullable Object kept) {
    handle = new Handle("bundle", pointer, Native::bundleFree, kept);
    digest = handle.use(bundle -> Native.text(Native.bundleDigest(bundle)));
  }

  /** Opens a folder or an archive ({@code .mtl}). Reads it whole and checks every digest. */
  public static Bundle open(Path path) {
    return open(path, BundleOptions.DEFAULT);
  }

  /** Opens a folder or an archive ({@code .mtl}). */
  public static Bundle open(Path path, BundleOptions options) {
    NativeLibrary.ensure();
    return new Bundle(Native.bundleOpen(Utf8.strict("the path", path.toString()), options.packed()), null);
  }

  /** Opens an archive in memory, which is copied. */
  public static Bundle open(byte[] archive) {
    NativeLibrary.ensure();
    return new Bundle(Native.bundleOpenBytes(archive), null);
  }

  /**
   * Opens an archive between a buffer's position and its limit. It is copied, unless it is {@link BundleOptions#trusted} in a direct
   * buffer: that is used where it lies, and lives as long as the bundle and every model of it.
   */
  public static Bundle open(ByteBuffer archive, BundleOptions options) {
    NativeLibrary.ensure();
    if (archive.isDirect()) {
      long pointer = Native.bundleOpenBuffer(archive, archive.position(), archive.remaining(), options.packed());
      return new Bundle(pointer, "true".equals(options.values.get("trusted")) ? archive : null);
    }
    if (!options.values.isEmpty()) {
      throw MtlException.argument("a buffer on Java's heap is copied, and takes no options", "pass a direct buffer, or none of them");
    }
    byte[] copy = new byte[archive.remaining()];
    archive.duplicate().get(copy);
    return open(copy);
  }

  /**
   * Opens an archive in the {@code length} bytes from {@code offset} on of an open file, whose descriptor stays the caller's and may be
   * closed afterwards.
   */
  public static Bundle open(FileDescriptor file, long offset, long length, BundleOptions options) {
    NativeLibrary.ensure();
    if (!file.valid()) {
      throw MtlException.argument("the file is closed", "open the bundle while it is open");
    }
    return open(Native.descriptorOf(file), offset, length, options);
  }

  /** The same for the number of a descriptor, which Android's {@code ParcelFileDescriptor.getFd()} gives for an asset. */
  public static Bundle open(int descriptor, long offset, long length, BundleOptions options) {
    if (offset < 0 || length < 0) {
      throw MtlException.argument(length + " bytes from offset " + offset + " on", "pass a part of the file");
    }
    NativeLibrary.ensure();
    return new Bundle(Native.bundleOpenDescriptor(descriptor, offset, length, options.packed()), null);
  }

  /** SHA-256 of the manifest, which names every other file's: it identifies the bundle to the last bit. */
  public String digest() {
    return digest;
  }

  /** The manifest as JSON (docs/bundle-format.md). */
  public String manifest() {
    return handle.use(bundle -> Native.text(Native.bundleManifest(bundle)));
  }

  /** Frees the bundle; models that were opened on it live on. It may be called again. */
  @Override
  public void close() {
    handle.close();
  }
}
