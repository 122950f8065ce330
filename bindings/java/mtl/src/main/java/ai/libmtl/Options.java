package ai.libmtl;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Options of the C ABI by their names: values that do not change. What looks like a setter gives other options.
 *
 * @param <T> the options themselves
 */
public abstract class Options<T extends Options<T>> {
  final Map<String, String> values;

  Options(Map<String, String> values) {
    this.values = values;
  }

  /** The same options with other values. */
  abstract T copy(Map<String, String> values);

  final T set(String key, String value) {
    Map<String, String> more = new LinkedHashMap<>(values);
    more.put(key, value);
    return copy(Collections.unmodifiableMap(more));
  }

  /** Keys and values in turn, as C takes them. */
  final byte[][] packed() {
    byte[][] all = new byte[2 * values.size()][];
    int next = 0;
    for (Map.Entry<String, String> option : values.entrySet()) {
      all[next++] = Utf8.strict("an option's name", option.getKey());
      all[next++] = Utf8.strict("the option " + option.getKey(), option.getValue());
    }
    return all;
  }

  /** Names and values as they are set. */
  @Override
  public String toString() {
    return values.toString();
  }
}
