package ai.libmtl;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a model says of itself, copied once. */
final class Facts {
  final String digest;
  final String manifest;
  final String report;
  final List<String> languages;
  final List<Task> tasks;

  Facts(String digest, Object[] facts) {
    this.digest = digest;
    manifest = Native.text((byte[]) facts[0]);
    report = Native.text((byte[]) facts[1]);
    languages = texts((Object[]) facts[2]);
    List<Task> all = new ArrayList<>();
    for (Object task : (Object[]) facts[3]) {
      all.add(new Task((Object[]) task));
    }
    tasks = Collections.unmodifiableList(all);
  }

  /** One of the model's tasks. */
  static final class Task {
    final String name;
    final List<String> labels;
    final List<String> spanLabels;
    final List<String> languages;

    Task(Object[] facts) {
      name = Native.text((byte[]) facts[0]);
      labels = texts((Object[]) facts[1]);
      spanLabels = texts((Object[]) facts[2]);
      languages = texts((Object[]) facts[3]);
    }
  }

  List<String> taskNames() {
    List<String> names = new ArrayList<>();
    for (Task task : tasks) {
      names.add(task.name);
    }
    return Collections.unmodifiableList(names);
  }

  /** The number of a task. */
  int find(String name) {
    int index = taskNames().indexOf(name);
    if (index < 0) {
      throw MtlException.argument("the model has no task \"" + name + "\"", "choose among " + String.join(", ", taskNames()));
    }
    return index;
  }

  /** Texts; what is null is left out. */
  private static List<String> texts(@Nullable Object[] bytes) {
    List<String> all = new ArrayList<>();
    for (Object text : bytes) {
      if (text != null) {
        all.add(Native.text((byte[]) text));
      }
    }
    return Collections.unmodifiableList(all);
  }
}
