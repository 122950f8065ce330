import ai.libmtl.Annotation;
import ai.libmtl.Model;
import ai.libmtl.MtlException;
import ai.libmtl.Span;
import ai.libmtl.TagOptions;
import java.nio.file.Path;
import java.util.List;

/**
 * Prints the names in texts: {@code java -cp JARS Tag.java BUNDLE TEXT...} prints a line for each, with where it begins and ends (in
 * UTF-16 units), its label, and its text.
 */
class Tag {
  public static void main(String[] arguments) {
    if (arguments.length < 2) {
      System.err.println("usage: java -cp JARS Tag.java BUNDLE TEXT...");
      System.exit(2);
    }
    List<String> texts = List.of(arguments).subList(1, arguments.length);
    try (Model model = Model.open(Path.of(arguments[0]))) {
      List<Annotation> documents = model.tag(texts, TagOptions.DEFAULT.tasks("ner"));
      for (int i = 0; i < texts.size(); i++) {
        for (Span span : documents.get(i).task("ner").spans()) {
          System.out.printf("%d\t%d\t%s\t%s%n", span.start(), span.end(), span.label(), span.of(texts.get(i)));
        }
      }
    } catch (MtlException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }
}
