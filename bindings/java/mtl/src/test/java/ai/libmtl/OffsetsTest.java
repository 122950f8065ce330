package ai.libmtl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class OffsetsTest {
  private static final List<String> TEXTS = List.of(Zoo.SENTENCE, "😀 Maria 👩‍👩‍👧 moved to Zürich 🇨🇭.",
      "e\u0301te\u0301 a\u030a: Ma\u0301rio mora em Sa\u0303o Paulo.", "مرحبا בעולם, said Maria in \u202bתל אביב\u202c.",
      "One\0two. Maria\0 moved.", "First line.\r\nSecond line.\r\n\r\nMaria moved.\r\n", "\ufeffMaria\u00a0moved\u2028to\tOslo.", "", " ");
  private static final TagOptions ENGLISH = TagOptions.DEFAULT.language("en");
  private static final Map<Unit, ToIntFunction<String>> LENGTHS = Map.of(Unit.UTF16, String::length, Unit.BYTES,
      text -> text.getBytes(UTF_8).length, Unit.CODE_POINTS, text -> text.codePointCount(0, text.length()));
  private static Model model;

  @BeforeAll
  static void open() {
    model = Zoo.tagger();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void everyUnitCountsTheSame() {
    LENGTHS.forEach((unit, length) -> {
      List<Annotation> own = model.tag(TEXTS, ENGLISH.unit(unit));
      List<Annotation> utf16 = model.tag(TEXTS, ENGLISH);
      for (int i = 0; i < TEXTS.size(); i++) {
        compare(TEXTS.get(i), utf16.get(i), own.get(i), length);
      }
    });
    Annotation emoji = model.tag(TEXTS, ENGLISH).get(1);
    assertEquals("Maria", emoji.tokens().get(1).of(TEXTS.get(1)));
    assertEquals(new Range(3, 8), emoji.tokens().get(1));
  }

  private static void compare(String text, Annotation utf16, Annotation own, ToIntFunction<String> length) {
    assertEquals(utf16.tokens().size(), own.tokens().size(), text);
    int end = 0;
    for (int i = 0; i < utf16.tokens().size(); i++) {
      Range token = utf16.tokens().get(i);
      assertTrue(token.start() >= end && token.end() > token.start() && token.end() <= text.length(), token + " of " + text);
      assertTrue(whole(token.of(text)), token + " of " + text);
      end = token.end();
      Range want = new Range(length.applyAsInt(text.substring(0, token.start())), length.applyAsInt(text.substring(0, end)));
      assertEquals(want, own.tokens().get(i), text);
    }
    for (Span span : own.task("ner").spans()) {
      assertEquals(own.tokens().get(span.tokens().start()).start(), span.start());
      assertEquals(own.tokens().get(span.tokens().end() - 1).end(), span.end());
    }
  }

  /** Whether no surrogate is alone. */
  private static boolean whole(String text) {
    return new String(text.getBytes(UTF_8), UTF_8).equals(text);
  }

  @Test
  void randomTextsOfEveryPlane() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 150; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(30); i > 0; i--) {
        int[] bounds = {0x80, 0x800, 0xd800, 0x110000};
        int point = random.nextInt(bounds[random.nextInt(4)]);
        text.appendCodePoint(point >= 0xd800 && point < 0xe000 ? ' ' : point);
      }
      List<String> one = List.of(text.toString());
      Annotation utf16 = model.tag(one, ENGLISH).get(0);
      assertNull(utf16.error(), "seed " + seed);
      LENGTHS.forEach((unit, length) -> compare(one.get(0), utf16, model.tag(one, ENGLISH.unit(unit)).get(0), length));
    }
  }

  @Test
  void loneSurrogatesAreNoText() {
    for (String text : List.of("Ada \ud83d sails.", "Ada \ude00 sails.", "\ude00\ud83d", "\ud83d", "Ada \ud83d\ud83d\ude00.")) {
      int lone = text.indexOf('\ud83d') < 0 || text.indexOf('\ude00') == 0 ? text.indexOf('\ude00') : text.indexOf('\ud83d');
      List<Annotation> documents = model.tag(List.of("Ada sails.", text, "Ada sails."), ENGLISH);
      MtlException error = documents.get(1).error();
      assertEquals(Code.INPUT, error.code());
      assertEquals("UTF-16 unit " + lone, error.place());
      assertTrue(error.fault().contains(String.format("U+%04X is a lone surrogate", (int) text.charAt(lone))), error.getMessage());
      Zoo.refused(Code.INPUT, "lone surrogate", () -> documents.get(1).task("ner"));
      Zoo.refused(Code.INPUT, "lone surrogate", documents.get(1)::orThrow);
      assertEquals("", documents.get(1).language());
      assertTrue(documents.get(1).tokens().isEmpty() && documents.get(1).sentences().isEmpty());
      assertEquals(3, documents.get(0).orThrow().tokens().size());
      assertEquals(3, documents.get(2).tokens().size());
    }
  }

  @Test
  void replacedSurrogatesKeepOffsetsRight() {
    String text = "\ud83d Maria \ude00\ude00 moved 😀 to \ud83dToronto\ud83d.";
    Annotation document = model.tag(List.of(text), ENGLISH.replaceInvalid(true)).get(0).orThrow();
    List<String> words = new ArrayList<>();
    document.tokens().forEach(token -> words.add(token.of(text)));
    assertTrue(words.containsAll(List.of("Maria", "moved", "😀", "to", "Toronto", "\ud83d")), words.toString());
  }

  @Test
  void bytesOfUtf8() {
    byte[] bad = {'A', 'd', 'a', ' ', (byte) 0xff, ' ', 's', '.'};
    List<byte[]> texts = List.of("Ada ist in Zürich.".getBytes(UTF_8), bad, new byte[0]);
    TagOptions bytes = ENGLISH.unit(Unit.BYTES);
    List<Annotation> documents = model.tag(Documents.utf8(texts), bytes);
    assertEquals(new Range(11, 18), documents.get(0).tokens().get(3));
    assertEquals(new Range(11, 17), model.tag(Documents.utf8(texts), ENGLISH).get(0).tokens().get(3));
    assertEquals(Code.INPUT, documents.get(1).error().code());
    assertNull(model.tag(Documents.utf8(texts), bytes.replaceInvalid(true)).get(1).error());
    assertTrue(documents.get(2).tokens().isEmpty());

    ByteBuffer direct = ByteBuffer.allocateDirect(100).put(new byte[7]).put(texts.get(0)).put(bad).flip().position(7);
    ByteBuffer heap = ByteBuffer.allocate(100).put(new byte[7]).put(texts.get(0)).put(bad).flip().position(7);
    for (ByteBuffer buffer : List.of(direct, heap, direct.asReadOnlyBuffer(), heap.asReadOnlyBuffer())) {
      List<Annotation> packed = model.tag(Documents.packed(buffer, 0, 19, 27, 27), bytes);
      for (int i = 0; i < 3; i++) {
        assertEquals(Zoo.everything(documents.get(i)), Zoo.everything(packed.get(i)));
      }
      assertEquals(7, buffer.position());
      Zoo.refused(Code.ARGUMENT, "offsets", () -> model.tag(Documents.packed(buffer, 0, 28), bytes));
      Zoo.refused(Code.ARGUMENT, "offsets", () -> model.tag(Documents.packed(buffer, 4, 2), bytes));
    }
    assertTrue(model.tag(Documents.packed(direct, 0), bytes).isEmpty());
    Zoo.refused(Code.ARGUMENT, "no offsets", () -> Documents.packed(direct));
  }

  @Test
  void aLongTextGrowsTheBuffer() {
    String text = "Zoë 😀 sails to Zürich. ".repeat(20_000);
    Annotation document = model.tag(List.of("a", text), ENGLISH).get(1).orThrow();
    Range last = document.tokens().get(document.tokens().size() - 1);
    assertEquals(text.length() - 2, last.start());
  }
}
