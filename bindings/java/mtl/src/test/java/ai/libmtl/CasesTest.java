package ai.libmtl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The cases of tests/cases, which every binding runs. */
class CasesTest {
  private static Model model;

  @BeforeAll
  static void open() {
    model = Zoo.tagger();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @TestFactory
  List<DynamicTest> cases() throws IOException {
    List<DynamicTest> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(Zoo.ROOT.resolve("tests/cases"))) {
      for (Path file : (Iterable<Path>) files.filter(path -> path.toString().endsWith(".jsonl")).sorted()::iterator) {
        for (String line : Files.readAllLines(file)) {
          JsonObject one = JsonParser.parseString(line).getAsJsonObject();
          for (Unit unit : Unit.values()) {
            all.add(DynamicTest.dynamicTest(one.get("name").getAsString() + " in " + unit, () -> run(one, unit)));
          }
        }
      }
    }
    assertTrue(all.size() > 150, all.size() + " cases");
    return all;
  }

  private static void run(JsonObject one, Unit unit) {
    JsonObject expect = one.getAsJsonObject("expect");
    if (one.has("bundle")) {
      assertEquals(one.get("bundle").getAsString(), model.digest(), "was made for another bundle; run `make cases`");
    }
    if (expect.has("error")) {
      try {
        call(one, unit);
      } catch (MtlException error) {
        assertEquals(expect.get("error").getAsInt(), error.code().number(), error.getMessage());
        return;
      }
      fail("no error");
    }
    List<?> found = call(one, unit);
    JsonArray wanted = expect.getAsJsonArray(one.has("answers") ? "pairs" : "documents");
    assertEquals(wanted.size(), found.size());
    for (int i = 0; i < found.size(); i++) {
      JsonObject want = wanted.get(i).getAsJsonObject();
      Object have = found.get(i);
      MtlException error = have instanceof Alignment ? ((Alignment) have).error() : ((Annotation) have).error();
      int status = want.get("status").getAsInt();
      if (status != 0) {
        assertEquals(status, error == null ? 0 : error.number());
        continue;
      }
      assertNull(error);
      if (have instanceof Alignment) {
        comparePair(want, (Alignment) have, unit.value);
      } else {
        compareDocument(want, (Annotation) have, unit.value);
      }
    }
  }

  private static List<?> call(JsonObject one, Unit unit) {
    JsonArray documents = one.getAsJsonArray("documents");
    JsonObject given = one.has("options") ? one.getAsJsonObject("options") : new JsonObject();
    if (one.has("answers")) {
      AlignOptions options = AlignOptions.DEFAULT.unit(unit);
      for (Map.Entry<String, JsonElement> option : given.entrySet()) {
        options = options.with(option.getKey(), option.getValue().getAsString());
      }
      return Align.align(all(documents), all(one.getAsJsonArray("answers")), options);
    }
    TagOptions options = TagOptions.DEFAULT.unit(unit);
    for (Map.Entry<String, JsonElement> option : given.entrySet()) {
      options = options.with(option.getKey(), option.getValue().getAsString());
    }
    // One that is replaced is so in bytes: a string's lone surrogate would be one unit, and the case counts three bytes of it.
    if (one.has("needs") && given.has("invalid_utf8")) {
      return model.tag(Documents.utf8(List.of(wtf8(text(documents.get(0))))), options);
    }
    long cut = documents.asList().stream().filter(document -> document.getAsJsonObject().has("tokens")).count();
    if (cut == 0 || cut == documents.size()) {
      return model.tag(all(documents), options);
    }
    List<Annotation> found = new ArrayList<>(); // a document's result does not depend on the others
    for (JsonElement document : documents) {
      JsonArray alone = new JsonArray();
      alone.add(document);
      found.addAll(model.tag(all(alone), options));
    }
    return found;
  }

  private static Documents all(JsonArray documents) {
    boolean tokens = !documents.isEmpty() && documents.get(0).getAsJsonObject().has("tokens");
    boolean hex = false;
    for (JsonElement document : documents) {
      hex |= document.getAsJsonObject().has("hex");
    }
    List<List<String>> sentences = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    List<byte[]> bytes = new ArrayList<>();
    for (JsonElement document : documents) {
      if (tokens) {
        sentences.add(strings(document.getAsJsonObject().getAsJsonArray("tokens")));
      } else if (document.getAsJsonObject().has("hex")) {
        bytes.add(hex(document.getAsJsonObject().get("hex").getAsString()));
      } else {
        texts.add(text(document));
        bytes.add(wtf8(text(document)));
      }
    }
    return tokens ? Documents.tokens(sentences) : hex ? Documents.utf8(bytes) : Documents.texts(texts);
  }

  private static String text(JsonElement document) {
    JsonObject one = document.getAsJsonObject();
    return one.get("text").getAsString().repeat(one.has("repeat") ? one.get("repeat").getAsInt() : 1);
  }

  private static byte[] hex(String digits) {
    byte[] bytes = new byte[digits.length() / 2];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
    }
    return bytes;
  }

  /** UTF-8, with the three bytes that it forbids for a lone surrogate. */
  private static byte[] wtf8(String text) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    text.codePoints().forEach(point -> {
      byte[] bytes = point >= 0xd800 && point < 0xe000
          ? new byte[] {(byte) (0xe0 | point >> 12), (byte) (0x80 | point >> 6 & 0x3f), (byte) (0x80 | point & 0x3f)}
          : new String(Character.toChars(point)).getBytes(java.nio.charset.StandardCharsets.UTF_8);
      out.write(bytes, 0, bytes.length);
    });
    return out.toByteArray();
  }

  private static void compareDocument(JsonObject want, Annotation found, String unit) {
    assertEquals(want.get("language").getAsString(), found.language());
    List<Range> tokens = found.tokens();
    if (want.has("counts")) {
      assertEquals(want.get("counts").toString(), "[" + found.sentences().size() + "," + tokens.size() + "]");
      assertEquals(ranges(want.getAsJsonObject("last"), unit), tokens.subList(tokens.size() - 1, tokens.size()));
      return;
    }
    List<String> ends = new ArrayList<>();
    found.sentences().forEach(sentence -> ends.add(Integer.toString(sentence.end())));
    assertEquals(strings(want.getAsJsonArray("sentences")), ends);
    assertEquals(ranges(want.getAsJsonObject("tokens"), unit), tokens);
    if (want.has("labels")) {
      for (String task : want.getAsJsonObject("labels").keySet()) {
        compareTask(want, found.task(task), tokens.size(), unit);
      }
    }
  }

  private static void compareTask(JsonObject want, Tags found, int tokens, String unit) {
    List<String> labels = strings(want.getAsJsonObject("labels").getAsJsonArray(found.task()));
    assertEquals(labels, found.labels().isEmpty() ? java.util.Collections.nCopies(tokens, "-") : found.labels());
    JsonObject spans = want.getAsJsonObject("spans").getAsJsonObject(found.task());
    List<String> kinds = new ArrayList<>();
    List<Range> places = new ArrayList<>();
    for (Span span : found.spans()) {
      kinds.add(span.label());
      places.add(span.range());
    }
    assertEquals(strings(spans.getAsJsonArray("labels")), kinds);
    assertEquals(ranges(spans, unit), places);
  }

  private static void comparePair(JsonObject want, Alignment found, String unit) {
    assertEquals(want.get("word_error_rate").getAsDouble(), found.wordErrorRate(), 1e-6);
    List<Range> words = new ArrayList<>();
    List<Range> typed = new ArrayList<>();
    List<String> edits = new ArrayList<>();
    StringBuilder mistakes = new StringBuilder();
    for (Alignment.Word word : found.words()) {
      words.add(word.range());
      mistakes.append(word.mistake() ? '1' : '0');
    }
    for (Alignment.Edit edit : found.edits()) {
      edits.add(edit.kind().name().charAt(0) + (edit.word() < 0 ? "" : Integer.toString(edit.word())));
      if (edit.typed() != null) {
        typed.add(edit.typed());
      }
    }
    assertEquals(ranges(want.getAsJsonObject("words"), unit), words);
    assertEquals(want.get("mistakes").getAsString(), mistakes.toString());
    assertEquals(strings(want.getAsJsonArray("edits")), edits);
    assertEquals(ranges(want.getAsJsonObject("typed"), unit), typed);
  }

  private static List<String> strings(JsonArray array) {
    List<String> all = new ArrayList<>();
    array.forEach(one -> all.add(one.getAsString()));
    return all;
  }

  private static List<Range> ranges(JsonObject units, String unit) {
    List<Range> all = new ArrayList<>();
    for (JsonElement pair : units.getAsJsonArray(unit)) {
      all.add(new Range(pair.getAsJsonArray().get(0).getAsInt(), pair.getAsJsonArray().get(1).getAsInt()));
    }
    return all;
  }
}
