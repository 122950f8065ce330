package ai.libmtl.android;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.libmtl.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rules that the jar and the AAR give to shrinkers are enough: shown by ProGuard, whose rules R8 reads. */
class ShrunkTest {
  @TempDir Path folder;

  @Test
  void aProgramThatWasShrunkTags() throws Exception {
    String said = run(shrunk(true));
    assertTrue(said.contains("opened mtl-mobile") && said.contains("PER 0") && said.contains("LOC 4") && said.contains("IO"), said);
    String without = run(shrunk(false));
    assertFalse(without.contains("PER"), "the rules are needed for nothing: " + without);
  }

  private static String run(Path jar) throws Exception {
    String zoo = System.getenv("MTL_ZOO");
    Path bundle = (zoo == null ? Path.of(System.getProperty("mtl.root"), "models") : Path.of(zoo)).resolve("mtl-mobile");
    String path = jar + ":" + entry("java/native");
    return java("-cp", path, ShrunkProgram.class.getName(), bundle.toString());
  }

  /** The program and the classes that it uses, renamed where no rule forbids it. */
  private Path shrunk(boolean rules) throws Exception {
    Path jar = folder.resolve("shrunk-" + rules + ".jar");
    Path classes = Path.of(entry("mtl-android/test-classes"));
    Path mtl = Path.of(Model.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<String> configuration = new ArrayList<>(List.of(
        "-injars '" + classes + "'(ai/libmtl/android/ShrunkProgram.class)",
        "-injars '" + mtl + "'(!META-INF/MANIFEST.MF)",
        "-outjars '" + jar + "'",
        "-libraryjars '" + System.getProperty("java.home") + "/jmods/java.base.jmod'(!**.jar;!module-info.class)",
        "-dontwarn org.jspecify.**",
        "-dontnote",
        "-keep class " + ShrunkProgram.class.getName() + " { public static void main(java.lang.String[]); }"));
    if (rules) {
      Path copy = folder.resolve("libmtl.pro");
      try (var resource = Model.class.getResourceAsStream("/META-INF/proguard/libmtl.pro")) {
        Files.copy(resource, copy);
      }
      configuration.add("-include '" + copy + "'");
    }
    Path file = Files.write(folder.resolve("configuration-" + rules + ".pro"), configuration);
    String said = java("-cp", System.getProperty("java.class.path"), "proguard.ProGuard", "@" + file);
    assertTrue(said.startsWith("0\n"), said);
    try (JarFile made = new JarFile(jar.toFile())) {
      List<String> names = made.stream().map(entry -> entry.getName()).collect(Collectors.toList());
      assertFalse(names.contains("ai/libmtl/Handle.class"), "nothing was renamed: " + names);
      assertEquals(rules, names.contains("ai/libmtl/Native.class"), names.toString());
    }
    return jar;
  }

  /** The entry of the class path that ends so. */
  private static String entry(String end) {
    for (String entry : System.getProperty("java.class.path").split(":")) {
      if (Path.of(entry).endsWith(end)) {
        return entry;
      }
    }
    throw new AssertionError("no " + end + " in " + System.getProperty("java.class.path"));
  }

  private static String java(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes());
    return process.waitFor() + "\n" + said;
  }
}
