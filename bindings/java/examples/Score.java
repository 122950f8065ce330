import ai.libmtl.Align;
import ai.libmtl.AlignOptions;
import ai.libmtl.Alignment;
import ai.libmtl.Documents;
import ai.libmtl.Exercise;
import ai.libmtl.Model;
import ai.libmtl.MtlException;
import java.nio.file.Path;
import java.util.List;

/**
 * Prints which words of an exercise a learner will get wrong: {@code java -cp JARS Score.java BUNDLE TRACK USER SENTENCE [ANSWER]} prints
 * each word of the sentence with P(mistake), and, once there is an ANSWER, whether the learner got it right or wrong.
 */
class Score {
  public static void main(String[] arguments) {
    if (arguments.length < 4) {
      System.err.println("usage: java -cp JARS Score.java BUNDLE TRACK USER SENTENCE [ANSWER]");
      System.exit(2);
    }
    List<String> words = words(arguments[3]);
    Exercise exercise = Exercise.of(words).track(arguments[1]).user(arguments[2]);
    try (Model model = Model.open(Path.of(arguments[0]))) {
      float[] mistakes = model.score(List.of(exercise)).get(0).mistakes();
      List<Alignment.Word> outcomes = arguments.length > 4 ? compare(words, words(arguments[4])) : List.of();
      for (int i = 0; i < mistakes.length; i++) {
        String outcome = outcomes.isEmpty() ? "" : outcomes.get(i).mistake() ? "\twrong" : "\tright";
        System.out.printf("%s\t%.3f%s%n", words.get(i), mistakes[i], outcome);
      }
    } catch (MtlException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }

  private static List<String> words(String sentence) {
    return List.of(sentence.trim().split("\\s+"));
  }

  /** Says of each word whether the answer has it. */
  private static List<Alignment.Word> compare(List<String> correct, List<String> answer) {
    Documents right = Documents.tokens(List.of(correct));
    Documents typed = Documents.tokens(List.of(answer));
    return Align.align(right, typed, AlignOptions.DEFAULT).get(0).orThrow().words();
  }
}
