package ai.libmtl.android;

import ai.libmtl.Libmtl;
import ai.libmtl.Model;
import ai.libmtl.MtlException;
import java.nio.file.Path;
import java.util.List;

/** Tags, fails, and hears a message, so that the native library needs all that it looks for by name: ShrunkTest runs it. */
final class ShrunkProgram {
  private ShrunkProgram() {}

  public static void main(String[] arguments) {
    Libmtl.listen(Libmtl.Level.INFO, (level, text) -> System.out.println(text));
    try (Model model = Model.open(Path.of(arguments[0]))) {
      model.tag(List.of("Maria Jensen moved to Toronto.")).get(0).task("ner").spans()
          .forEach(span -> System.out.println(span.label() + " " + span.tokens().start()));
    }
    try {
      Model.open(Path.of("no/such/bundle")).close();
    } catch (MtlException error) {
      System.out.println(error.code());
    }
  }
}
