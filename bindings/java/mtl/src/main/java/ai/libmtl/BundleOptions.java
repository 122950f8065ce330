package ai.libmtl;

import java.util.Collections;
import java.util.Map;

/** How a bundle is read. */
public final class BundleOptions extends Options<BundleOptions> {
  /** Read whole, every digest checked. */
  public static final BundleOptions DEFAULT = new BundleOptions(Collections.emptyMap());

  private BundleOptions(Map<String, String> values) {
    super(values);
  }

  @Override
  BundleOptions copy(Map<String, String> values) {
    return new BundleOptions(values);
  }

  /** Sets an option of {@code mtl_bundle_open} by its name, for a libmtl that is newer than these classes. */
  public BundleOptions with(String key, String value) {
    return set(key, value);
  }

  /**
   * Whether a file is mapped instead of read, or a direct buffer used where it lies, without a look at digests: only for a bundle
   * from inside something verified, such as an app's package. Nobody may change the bytes while the bundle or a model of it is open.
   */
  public BundleOptions trusted(boolean trusted) {
    return set("trusted", Boolean.toString(trusted));
  }
}
