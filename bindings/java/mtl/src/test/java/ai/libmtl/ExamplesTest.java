package ai.libmtl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs of bindings/java/examples, run as their first lines say. */
class ExamplesTest {
  @TempDir Path folder;

  private static String example(String name) {
    return Zoo.ROOT.resolve("bindings/java/examples/" + name + ".java").toString();
  }

  private static String mobile() {
    return Zoo.bundle("mtl-mobile").toString();
  }

  @Test
  void tag() throws Exception {
    String said = Zoo.java("", example("Tag"), mobile(), "It rains.", Zoo.SENTENCE);
    assertTrue(said.startsWith("0\n") && said.contains("24\t34\tLOC\tCopenhagen\n"), said);
    String refused = Zoo.java("", example("Tag"), "no/such/bundle", "a");
    assertTrue(refused.startsWith("1\n") && refused.contains("no/such/bundle") && !refused.contains("\tat "), refused);
  }

  @Test
  void score() throws Exception {
    String said = Zoo.java("", example("Score"), Zoo.bundle("sla-demo").toString(), "en_es", "ada", "the boy", "the toy");
    assertTrue(said.matches("0\nthe\t0\\.\\d{3}\tright\nboy\t0\\.\\d{3}\twrong\n"), said);
    assertTrue(Zoo.java("", example("Score"), mobile(), "en_es", "ada", "the boy").contains("is a tagger"));
  }

  @Test
  void batch() throws Exception {
    Path input = folder.resolve("lines.txt");
    byte[] lines = (Zoo.SENTENCE + "\n\nDet regner i København 😀.\nbad \0\n").getBytes(UTF_8);
    lines[lines.length - 2] = (byte) 0xff;
    ByteArrayOutputStream many = new ByteArrayOutputStream();
    for (int i = 0; i < 300; i++) {
      many.write(lines);
    }
    Files.write(input, many.toByteArray());
    String said = Zoo.java("", input, example("Batch"), mobile());
    String[] printed = said.split("\n");
    assertEquals(1201, printed.length, said);
    for (int i = 1; i < printed.length; i += 4) {
      assertEquals("en", json(printed[i]).get("language").getAsString());
      assertEquals(8, json(printed[i]).getAsJsonArray("upos").size());
      assertEquals(0, json(printed[i + 1]).getAsJsonArray("upos").size());
      assertEquals("da", json(printed[i + 2]).get("language").getAsString());
      assertTrue(json(printed[i + 3]).get("error").getAsString().contains("UTF-8"), printed[i + 3]);
    }
    assertTrue(said.contains("\"text\":\"Copenhagen\"") && said.contains("\"text\":\"København\""), said);
  }

  private static JsonObject json(String line) {
    return JsonParser.parseString(line).getAsJsonObject();
  }
}
