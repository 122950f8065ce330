package ai.libmtl.android;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.libmtl.BundleOptions;
import ai.libmtl.Code;
import ai.libmtl.Model;
import ai.libmtl.MtlException;
import ai.libmtl.OpenOptions;
import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the JVM, with classes that stand in for Android's. */
class AssetsTest {
  @TempDir Path folder;

  @Test
  void modelsAreOpenedInsideAPackage() throws Exception {
    String zoo = System.getenv("MTL_ZOO");
    Path bundle = (zoo == null ? Path.of(System.getProperty("mtl.root"), "models") : Path.of(zoo)).resolve("mtl-mobile");
    Path archive = folder.resolve("mtl-mobile.mtl");
    new ProcessBuilder("tar", "--format=ustar", "-cf", archive.toString(), "-C", bundle.toString(), ".").inheritIO().start().waitFor();
    Path apk = folder.resolve("app.apk");
    byte[] bytes = Files.readAllBytes(archive);
    Files.write(apk, new byte[1234]);
    Files.write(apk, bytes, java.nio.file.StandardOpenOption.APPEND);
    try (RandomAccessFile file = new RandomAccessFile(apk.toFile(), "r")) {
      assertEquals(1234 + bytes.length, file.length());
      long number = descriptor(apk);
      AssetManager assets = new AssetManager(
          Map.of("mtl-mobile.mtl", new long[] {number, 1234, bytes.length}, "broken.mtl", new long[] {number, 1, bytes.length}));
      for (BundleOptions reading : List.of(BundleOptions.DEFAULT, BundleOptions.DEFAULT.trusted(true))) {
        try (Model model = Assets.open(assets, "mtl-mobile.mtl", reading, OpenOptions.DEFAULT)) {
          assertEquals(8, model.tag(List.of("Maria Jensen moved from Copenhagen to Toronto.")).get(0).tokens().size());
        }
      }
      assertEquals(Code.BUNDLE,
          assertThrows(MtlException.class, () -> Assets.open(assets, "broken.mtl", OpenOptions.DEFAULT)).code());
      assertThrows(IOException.class, () -> Assets.open(assets, "nonesuch.mtl", OpenOptions.DEFAULT));
      assertEquals(0, AssetFileDescriptor.open);
    }
  }

  private static long descriptor(Path file) throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(one -> {
        try {
          return Files.isSameFile(one, file);
        } catch (IOException closed) {
          return false;
        }
      }).mapToLong(one -> Long.parseLong(one.getFileName().toString())).findFirst().orElseThrow();
    }
  }
}
