package ai.libmtl;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Holds a model that another may replace while calls run, as when a service takes up a new version. */
public final class Slot implements AutoCloseable {
  private @Nullable Model model;

  /** Holds a model. The slot keeps a reference of its own: the caller still closes the model. */
  public Slot(Model model) {
    this.model = model.retain();
  }

  /** The model that the slot holds now; the caller closes it. It stays as it is when the slot gets another. */
  public synchronized Model get() {
    return open(model).retain();
  }

  /** Puts a model in place of the one before. The slot keeps a reference of its own: the caller still closes the model. */
  public void set(Model next) {
    Model own = next.retain();
    Model before;
    synchronized (this) {
      before = model;
      model = before == null ? null : own;
    }
    if (before == null) {
      own.close();
    }
    open(before).close(); // outside the lock: the last reference frees a whole model
  }

  /** Tags with the model that the slot holds when the call begins. */
  public List<Annotation> tag(List<String> texts, TagOptions options) {
    try (Model now = get()) {
      return now.tag(texts, options);
    }
  }

  private static Model open(@Nullable Model model) {
    if (model == null) {
      throw new IllegalStateException("the slot is closed; make another one, or close it later");
    }
    return model;
  }

  /** Gives the slot's model back. It may be called again. */
  @Override
  public void close() {
    Model before;
    synchronized (this) {
      before = model;
      model = null;
    }
    if (before != null) {
      before.close();
    }
  }
}
