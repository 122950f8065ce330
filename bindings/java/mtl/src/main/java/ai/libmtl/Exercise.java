package ai.libmtl;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An exercise before the learner has answered it: a value that does not change. What is not set is not known. */
public final class Exercise {
  /** Text columns in the order in which C takes them. */
  enum Column { TRACK, USER, COUNTRIES, CLIENT, SESSION, FORMAT }

  private final List<String> words;
  private final String[] texts;
  private final double days;
  private final @Nullable Duration time;

  private Exercise(List<String> words, String[] texts, double days, @Nullable Duration time) {
    this.words = words;
    this.texts = texts;
    this.days = days;
    this.time = time;
  }

  /** An exercise whose right answer has these words. */
  public static Exercise of(List<String> words) {
    String[] unknown = new String[Column.values().length];
    Arrays.fill(unknown, "");
    return new Exercise(Collections.unmodifiableList(new ArrayList<>(words)), unknown, 0, null);
  }

  /** An exercise whose right answer has these words. */
  public static Exercise of(String... words) {
    return of(Arrays.asList(words));
  }

  private Exercise with(Column column, String value) {
    String[] more = texts.clone();
    more[column.ordinal()] = value;
    return new Exercise(words, more, days, time);
  }

  /** The language learnt and the language known, such as {@code en_es}; not needed where the model has one track. */
  public Exercise track(String track) {
    return with(Column.TRACK, track);
  }

  /** The learner. */
  public Exercise user(String user) {
    return with(Column.USER, user);
  }

  /** Countries that the learner was seen in, the first one first. */
  public Exercise countries(String... countries) {
    return with(Column.COUNTRIES, String.join("|", countries));
  }

  /** Such as {@code web}, {@code ios}, {@code android}. */
  public Exercise client(String client) {
    return with(Column.CLIENT, client);
  }

  /** Such as {@code lesson}, {@code practice}, {@code test}. */
  public Exercise session(String session) {
    return with(Column.SESSION, session);
  }

  /** Such as {@code reverse_translate}, {@code reverse_tap}, {@code listen}. */
  public Exercise format(String format) {
    return with(Column.FORMAT, format);
  }

  /** Days since the learner began, fractions included. */
  public Exercise days(double days) {
    return new Exercise(words, texts, days, time);
  }

  /** How long the learner took. */
  public Exercise time(Duration time) {
    return new Exercise(words, texts, days, time);
  }

  /** The exercise, and for each word whether the learner got it wrong. */
  public Answered answered(boolean... mistakes) {
    return new Answered(this, mistakes.clone());
  }

  /** The words of the right answer. */
  public List<String> words() {
    return words;
  }

  String text(Column column) {
    return texts[column.ordinal()];
  }

  double days() {
    return days;
  }

  /** In seconds; NaN where it is not known. */
  double seconds() {
    return time == null ? Double.NaN : time.getSeconds() + time.getNano() * 1e-9;
  }
}
