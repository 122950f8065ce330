package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.function.Executable;

/** What the tests share: the models of the checkout, and what is said of errors. */
final class Zoo {
  static final String SENTENCE = "Maria Jensen moved from Copenhagen to Toronto.";
  static final Path ROOT = Path.of(System.getProperty("mtl.root")).normalize();

  private Zoo() {}

  static Path bundle(String name) {
    String zoo = System.getenv("MTL_ZOO");
    return (zoo == null ? ROOT.resolve("models") : Path.of(zoo)).resolve(name);
  }

  static Model tagger() {
    return Model.open(bundle("mtl-mobile"));
  }

  static Model scorer() {
    return Model.open(bundle("sla-demo"));
  }

  static List<Annotation> tag(Model model, TagOptions options, String... texts) {
    List<Annotation> documents = model.tag(List.of(texts), options);
    assertEquals(texts.length, documents.size());
    return documents;
  }

  /** A bundle as a ustar archive. */
  static Path archive(Path folder, String name) throws IOException, InterruptedException {
    Path archive = folder.resolve(name + ".mtl");
    int status = new ProcessBuilder("tar", "--format=ustar", "-cf", archive.toString(), "-C", bundle(name).toString(), ".")
        .inheritIO().start().waitFor();
    assertEquals(0, status);
    return archive;
  }

  /** A call that fails with this code, and in whose message this stands. */
  static MtlException refused(Code code, String says, Executable call) {
    MtlException error = assertThrows(MtlException.class, call, says);
    assertEquals(code, error.code(), error.getMessage());
    assertTrue(error.getMessage().contains(says), error.getMessage());
    return error;
  }

  static void closed(String says, Executable call) {
    String message = assertThrows(IllegalStateException.class, call).getMessage();
    assertTrue(message.contains(says + " is closed"), message);
  }

  /** Everything that an annotation says, to be compared. */
  static String everything(Annotation document) {
    if (document.error() != null) {
      return document.error().getMessage();
    }
    StringBuilder all = new StringBuilder(document.language()).append(document.sentences()).append(document.tokens());
    for (Tags tags : document.tags()) {
      all.append(tags.task()).append(tags.labels()).append(tags.spans()).append(tags.alternatives());
    }
    return all.toString();
  }

  /** Texts that take the model a second or more. */
  static List<String> longBatch(Model model) {
    List<String> texts = new ArrayList<>(List.of(SENTENCE, "Vi bor i København.", "Ada joined Siemens in Munich."));
    while (duration(() -> model.tag(List.copyOf(texts))).compareTo(Duration.ofSeconds(1)) < 0) {
      texts.addAll(List.copyOf(texts));
    }
    return texts;
  }

  static Duration duration(Runnable call) {
    long begun = System.nanoTime();
    call.run();
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  /** What a program of Java's prints, after its status; it gets the class path of the tests but for what `without` names. */
  static String java(String without, String... arguments) throws IOException, InterruptedException {
    return java(without, Path.of("/dev/null"), arguments);
  }

  static String java(String without, Path input, String... arguments) throws IOException, InterruptedException {
    List<String> path = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(":")) {
      if (without.isEmpty() || !entry.contains(without)) {
        path.add(entry);
      }
    }
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-Xcheck:jni",
        "-Dstdout.encoding=UTF-8", "-Dfile.encoding=UTF-8", "-cp", String.join(":", path)));
    command.addAll(List.of(arguments));
    Path said = Files.createTempFile("libmtl", ".out");
    int status = new ProcessBuilder(command).redirectErrorStream(true).redirectInput(input.toFile()).redirectOutput(said.toFile())
        .start().waitFor();
    String output = Files.readString(said);
    Files.delete(said);
    assertFalse(output.contains("in native method") || output.contains("JNI local refs"), output);
    return status + "\n" + output;
  }
}
