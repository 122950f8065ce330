package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibmtlTest {
  @TempDir Path folder;

  @AfterEach
  void silence() {
    Libmtl.silence();
  }

  @Test
  void versionsAreOne() {
    assertEquals(Libmtl.VERSION, Libmtl.version());
    assertTrue(Libmtl.buildInfo().contains("\"version\":\"" + Libmtl.VERSION + "\""), Libmtl.buildInfo());
  }

  @Test
  void codesAreTheHeaders() throws IOException {
    Map<Integer, String> header = new TreeMap<>();
    Matcher found = Pattern.compile("MTL_ERROR_(\\w+) = (\\d+),").matcher(Files.readString(Zoo.ROOT.resolve("include/mtl.h")));
    while (found.find()) {
      header.put(Integer.parseInt(found.group(2)), found.group(1));
    }
    Map<Integer, String> own = new TreeMap<>();
    for (Code code : Code.values()) {
      assertEquals(code, Code.of(code.number()));
      if (code != Code.UNKNOWN) {
        own.put(code.number(), code.name());
      }
    }
    assertEquals(header, own);
    MtlException newer = Native.failure(99, "später".getBytes(java.nio.charset.StandardCharsets.UTF_8), null, null, null);
    assertEquals("UNKNOWN 99 später ", newer.code() + " " + newer.number() + " " + newer.getMessage() + " " + newer.place());
  }

  @Test
  void messagesGoToTheListener() {
    List<String> said = Collections.synchronizedList(new ArrayList<>());
    Libmtl.listen(Libmtl.Level.INFO, (level, text) -> said.add(level + " " + text));
    try (Model model = Zoo.tagger()) {
      model.tag(List.of("Confidential: Maria Jensen."));
    }
    assertTrue(said.toString().contains("INFO opened mtl-mobile"), said.toString());
    assertFalse(said.toString().contains("Maria"), said.toString());
    said.clear();
    Libmtl.listen(Libmtl.Level.WARN, (level, text) -> said.add(level + " " + text));
    Zoo.tagger().close();
    Libmtl.silence();
    Zoo.tagger().close();
    assertEquals(List.of(), said);
  }

  @Test
  void aListenerThatFailsDisturbsNothing() {
    List<Throwable> thrown = new ArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.currentThread().getUncaughtExceptionHandler();
    Thread.currentThread().setUncaughtExceptionHandler((thread, error) -> {
      thrown.add(error);
      throw new IllegalStateException("the handler fails, too");
    });
    try {
      Libmtl.listen(Libmtl.Level.INFO, (level, text) -> Libmtl.silence());
      Zoo.tagger().close();
      assertTrue(thrown.get(0) instanceof IllegalStateException, thrown.toString());
      Libmtl.listen(Libmtl.Level.INFO, (level, text) -> {
        throw new OutOfMemoryError("as if");
      });
      Zoo.tagger().close();
      assertEquals("as if", thrown.get(thrown.size() - 1).getMessage());
    } finally {
      Thread.currentThread().setUncaughtExceptionHandler(before);
    }
  }

  /** Prints where the library was loaded from. */
  static final class Origin {
    public static void main(String[] arguments) {
      try {
        for (String argument : arguments) {
          if (argument.startsWith("load=")) {
            NativeLibrary.load(Path.of(argument.substring(5)));
          } else {
            NativeLibrary.extractTo(Path.of(argument));
          }
        }
        System.out.println(NativeLibrary.origin() + " " + Libmtl.version());
      } catch (UnsatisfiedLinkError error) {
        System.out.println("refused: " + error.getMessage());
        String again = assertThrows(UnsatisfiedLinkError.class, Libmtl::version).getMessage();
        System.out.println(again.equals(error.getMessage()) ? "and again" : again);
      }
    }
  }

  private static void says(String words, String without, String... arguments) throws Exception {
    String said = Zoo.java(without, arguments);
    assertTrue(said.startsWith("0\n") && said.contains(words), said);
  }

  @Test
  void theLibraryIsLookedForWhereItWasSaid() throws Exception {
    String main = Origin.class.getName();
    Path library = folder.resolve("a library.so");
    try (var resource = NativeLibrary.class.getResourceAsStream(NativeLibrary.resource())) {
      Files.copy(resource, library);
    }
    String classes = "the class path: " + NativeLibrary.resource();
    says(classes + " " + Libmtl.VERSION, "", main);
    assertEquals(classes, NativeLibrary.origin());
    says(library + " " + Libmtl.VERSION, "", "-Dai.libmtl.library=" + library, main);
    says(library + " " + Libmtl.VERSION, "java/native", main, "load=" + library);
    Path extracted = Files.createDirectory(folder.resolve("extracted"));
    says(classes, "", "-Dai.libmtl.extract=" + extracted, main);
    says(classes, "", main, extracted.toString());
    try (var left = Files.list(extracted)) {
      assertEquals(0, left.count());
    }
    Files.copy(library, folder.resolve(System.mapLibraryName("mtl_jni")));
    says("java.library.path " + Libmtl.VERSION, "java/native", "-Djava.library.path=" + folder, main);
  }

  @Test
  void aLibraryThatCannotBeHadIsNamed() throws Exception {
    String main = Origin.class.getName();
    Path text = Files.writeString(folder.resolve("text.so"), "no library");
    says("refused: there is no native library: neither " + NativeLibrary.resource() + " on the class path nor", "java/native",
        "-Djava.library.path=" + folder, main);
    says("and again", "java/native", "-Djava.library.path=" + folder, main);
    says("refused: the native library of " + text + " cannot be loaded", "", "-Dai.libmtl.library=" + text, main);
    says("refused: the native library cannot be written below " + folder.resolve("nowhere"), "",
        "-Dai.libmtl.extract=" + folder.resolve("nowhere"), main);
  }
}
