package ai.libmtl;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An opened model: it does not change, and any number of threads may use it at once. Close it when it is no longer needed; where that
 * is forgotten it is freed once it is unreachable, but the garbage collector does not know how large a model is and may take its time.
 */
public final class Model implements AutoCloseable {
  private final Handle handle;
  private final Facts facts;

  private Model(Handle handle, Facts facts) {
    this.handle = handle;
    this.facts = facts;
  }

  /** Opens the model of a bundle, a folder or an archive ({@code .mtl}), whose digests are checked. */
  public static Model open(Path bundle) {
    return open(bundle, OpenOptions.DEFAULT);
  }

  /** Opens the model of a bundle, a folder or an archive ({@code .mtl}), whose digests are checked. */
  public static Model open(Path bundle, OpenOptions options) {
    try (Bundle opened = Bundle.open(bundle)) {
      return open(opened, options);
    }
  }

  /** Opens the model of a bundle. It keeps what it needs: the bundle may be closed. */
  public static Model open(Bundle bundle, OpenOptions options) {
    byte[][] given = options.packed();
    Handle handle = bundle.handle.use(source -> {
      Pool pool = options.pool;
      long pointer = pool == null ? Native.modelOpen(source, given, 0)
          : pool.handle.use(threads -> Native.modelOpen(source, given, threads));
      return new Handle("model", pointer, Native::modelRelease, bundle.handle.kept());
    });
    return new Model(handle, new Facts(bundle.digest(), handle.use(Native::modelFacts)));
  }

  /** Another model object for the same opened model, in no more memory: each is closed by its owner, and the last one frees it. */
  public Model retain() {
    Handle other = handle.use(
        model -> new Handle("model", Native.modelRetain(model), Native::modelRelease, handle.kept()));
    return new Model(other, facts);
  }

  /** Tags documents of running text, each in the language that it is in. */
  public List<Annotation> tag(List<String> texts) {
    return tag(Documents.texts(texts), TagOptions.DEFAULT);
  }

  /** Tags documents of running text. */
  public List<Annotation> tag(List<String> texts, TagOptions options) {
    return tag(Documents.texts(texts), options);
  }

  /**
   * Tags documents and gives an annotation for each, in order. A document that is at fault has an error of its own there and does not
   * disturb the others; the call fails for what concerns all: an unknown task, language or option, cancelling, a deadline.
   */
  public List<Annotation> tag(Documents documents, TagOptions options) {
    return handle.use(model -> {
      try (Call call = new Call(options)) {
        Documents.Packed packed = documents.pack("replace".equals(options.values.get("invalid_utf8")));
        return new Tagged(facts, Native.tag(model, packed.parts(), options.packed(), call.pointer()), packed).annotations();
      }
    });
  }

  /** Predicts which words of exercises learners will get wrong. */
  public List<Scored> score(List<Exercise> exercises) {
    return score(exercises, ScoreOptions.DEFAULT);
  }

  /**
   * Predicts how probable it is that learners get the words of exercises wrong, and gives a result for each, in order; an exercise that
   * is at fault has an error of its own there. A learner or a word that the model does not know is none. The model is one of kind
   * scorer.
   */
  public List<Scored> score(List<Exercise> exercises, ScoreOptions options) {
    return handle.use(model -> {
      try (Call call = new Call(options)) {
        byte[][] learners = new byte[options.learners.size()][];
        for (int i = 0; i < learners.length; i++) {
          learners[i] = options.learners.get(i).stored();
        }
        ExerciseColumns columns = new ExerciseColumns(exercises);
        return Scored.of(Native.score(model, columns.parts(), learners, options.packed(), call.pointer()), columns);
      }
    });
  }

  /** Fits a learner to what they have answered. */
  public Learner adapt(List<Answered> history) {
    return adapt(history, null, LearnOptions.DEFAULT);
  }

  /**
   * Fits a learner whom the model may never have seen to what they have answered, all of one user. A model that reads what was answered
   * before wants the exercises in the order in which they were answered. {@code prior} is what was found of them before: then the
   * history holds new answers only, and old ones go on counting. The model, one of kind scorer, does not change.
   */
  public Learner adapt(List<Answered> history, @Nullable Learner prior, LearnOptions options) {
    return learn(history, prior, false, options);
  }

  /**
   * Keeps what a learner has answered and fits nothing: for answers that the model was trained on with them. Only for a model that reads
   * what was answered before; everything else is as with {@link #adapt}, which may go on from the learner.
   */
  public Learner remember(List<Answered> history, @Nullable Learner prior, LearnOptions options) {
    return learn(history, prior, true, options);
  }

  private Learner learn(List<Answered> history, @Nullable Learner prior, boolean remember, LearnOptions options) {
    return handle.use(model -> {
      try (Call call = new Call(options)) {
        byte[] before = prior == null ? null : prior.stored();
        ExerciseColumns columns = new ExerciseColumns(Answered.exercises(history));
        byte[] mistakes = Answered.mistakes(history);
        columns.faults.refuse("exercise");
        return new Learner(Native.learn(model, columns.parts(), mistakes, before, remember, call.pointer()));
      }
    });
  }

  /** The names of the model's tasks, such as {@code ner}. */
  public List<String> tasks() {
    return facts.taskNames();
  }

  /** The ISO 639-1 codes of the model's languages. */
  public List<String> languages() {
    return facts.languages;
  }

  /** The labels that a token can have in a task, such as {@code B-PER} or {@code NOUN}. */
  public List<String> labels(String task) {
    return facts.tasks.get(facts.find(task)).labels;
  }

  /** The labels that a span can have in a task, such as {@code PER}; none where the task makes no spans. */
  public List<String> spanLabels(String task) {
    return facts.tasks.get(facts.find(task)).spanLabels;
  }

  /** The languages that a task was trained on. */
  public List<String> taskLanguages(String task) {
    return facts.tasks.get(facts.find(task)).languages;
  }

  /** SHA-256 of the bundle's manifest, which names every other file's: it identifies the bundle. */
  public String digest() {
    return facts.digest;
  }

  /** The bundle's manifest as JSON (docs/bundle-format.md). */
  public String manifest() {
    return facts.manifest;
  }

  /** What runs where, as JSON: engine, version, precision, threads, and the execution providers with reasons. */
  public String report() {
    return facts.report;
  }

  /**
   * Gives the model back. It does not wait: calls that run finish on it, and the last one frees it. Later calls fail with an
   * {@link IllegalStateException}. It may be called again.
   */
  @Override
  public void close() {
    handle.close();
  }
}
