package ai.libmtl;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where the library in C comes from. It is loaded at the first use of this package, from the first of these that is there:
 *
 * <ol>
 *   <li>the file that {@link #load} or the property {@code ai.libmtl.library} names;
 *   <li>on Android, the app's own;
 *   <li>the jar of this platform on the class path (classifier {@code linux-x86_64} and the like): it is written into a folder of its
 *       own, readable by this user alone, below {@link #extractTo}, the property {@code ai.libmtl.extract} or the system's folder
 *       for temporary files, and deleted once it is loaded;
 *   <li>the system's path of libraries ({@code java.library.path}).
 * </ol>
 */
public final class NativeLibrary {
  private static final String NAME = "mtl_jni";

  private static volatile @Nullable String origin;
  private static @Nullable Path folder;

  private NativeLibrary() {}

  /** Loads this file. Does nothing where the library is loaded already. */
  public static synchronized void load(Path library) {
    if (origin == null) {
      loadFile(library, library.toString());
    }
  }

  /** Lets the library be written into a folder below this one, from which the system must allow to run programs. */
  public static synchronized void extractTo(Path folder) {
    NativeLibrary.folder = folder;
  }

  /** Where the library was loaded from. */
  public static String origin() {
    ensure();
    return String.valueOf(origin);
  }

  /** Loads the library, unless that was done before. */
  static void ensure() {
    if (origin == null) {
      find();
    }
  }

  private static synchronized void find() {
    String file = System.getProperty("ai.libmtl.library");
    if (origin != null) {
      return; // another thread was first
    }
    if (file != null) {
      loadFile(Paths.get(file), file);
    } else if (System.getProperty("java.vm.name", "").equals("Dalvik")) {
      System.loadLibrary(NAME);
      loaded("the app's libraries");
    } else if (!extracted()) {
      fromPath();
    }
  }

  /** What this platform's jar holds. */
  static String resource() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String processor = System.getProperty("os.arch");
    system = system.startsWith("mac") ? "macos" : system.startsWith("win") ? "windows" : system;
    processor = processor.equals("amd64") ? "x86_64" : processor.equals("arm64") ? "aarch64" : processor;
    return "/ai/libmtl/native/" + system + "-" + processor + "/" + System.mapLibraryName(NAME);
  }

  /** Whether the class path has the library, which is then loaded. */
  private static boolean extracted() {
    InputStream resource = NativeLibrary.class.getResourceAsStream(resource());
    if (resource == null) {
      return false;
    }
    extract(resource);
    return true;
  }

  private static void extract(InputStream resource) {
    String given = System.getProperty("ai.libmtl.extract");
    Path below = folder != null ? folder : given != null ? Paths.get(given) : null;
    Path own = null;
    Path file = null;
    try (InputStream from = resource) {
      own = below == null ? Files.createTempDirectory("libmtl") : Files.createTempDirectory(below, "libmtl");
      file = own.resolve(System.mapLibraryName(NAME));
      Files.copy(from, file);
      loadFile(file, "the class path: " + resource());
    } catch (IOException e) {
      throw fault("the native library cannot be written below " + (below == null ? "the folder for temporary files" : below),
          "name a folder by the property ai.libmtl.extract, or the library itself by ai.libmtl.library", e);
    } finally {
      delete(file);
      delete(own);
    }
  }

  private static void delete(@Nullable Path path) {
    try {
      if (path != null) {
        Files.deleteIfExists(path);
      }
    } catch (IOException inUse) { // Windows keeps the file of a library that is loaded
      path.toFile().deleteOnExit();
    }
  }

  private static void loadFile(Path file, String from) {
    try {
      System.load(file.toAbsolutePath().toString());
    } catch (LinkageError e) {
      throw fault("the native library of " + from + " cannot be loaded",
          "name a folder from which programs may run by the property ai.libmtl.extract, or take classes and library of one version", e);
    }
    loaded(from);
  }

  private static void fromPath() {
    try {
      System.loadLibrary(NAME);
    } catch (UnsatisfiedLinkError e) {
      String neither = resource() + " on the class path nor " + System.mapLibraryName(NAME) + " on java.library.path";
      throw fault("there is no native library: neither " + neither,
          "add the jar mtl of this platform's classifier, or name the library by the property ai.libmtl.library", e);
    }
    loaded("java.library.path");
  }

  private static void loaded(String from) {
    if (!Libmtl.loadedVersion().equals(Libmtl.VERSION)) {
      throw fault("the native library of " + from + " is of version " + Libmtl.loadedVersion() + ", the classes of " + Libmtl.VERSION,
          "take both of one version", null);
    }
    origin = from;
  }

  private static UnsatisfiedLinkError fault(String fault, String remedy, @Nullable Throwable cause) {
    String because = cause == null ? "" : " (" + cause.getMessage() + ")";
    UnsatisfiedLinkError error = new UnsatisfiedLinkError(fault + because + "; " + remedy);
    error.initCause(cause);
    return error;
  }
}
