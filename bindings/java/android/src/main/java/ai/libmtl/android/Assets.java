package ai.libmtl.android;

import ai.libmtl.Bundle;
import ai.libmtl.BundleOptions;
import ai.libmtl.Model;
import ai.libmtl.OpenOptions;
import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.IOException;

/**
 * Models among an app's assets, opened by descriptor and offset: nothing is copied into a file. The asset is an archive ({@code .mtl})
 * that the package holds uncompressed: {@code androidResources { noCompress += "mtl" }} in the app's Gradle file.
 */
public final class Assets {
  private Assets() {}

  /** Opens the model of an asset, such as {@code mtl-mobile.mtl}, whose digests are checked. */
  public static Model open(AssetManager assets, String name, OpenOptions options) throws IOException {
    return open(assets, name, BundleOptions.DEFAULT, options);
  }

  /**
   * Opens the model of an asset. {@link BundleOptions#trusted} maps it from the app's package, which the system has verified.
   *
   * @throws IOException where there is no such asset, or it is compressed
   */
  public static Model open(AssetManager assets, String name, BundleOptions reading, OpenOptions options) throws IOException {
    AssetFileDescriptor asset = assets.openFd(name);
    try (Bundle bundle = Bundle.open(asset.getParcelFileDescriptor().getFd(), asset.getStartOffset(), asset.getLength(), reading)) {
      return Model.open(bundle, options);
    } finally {
      asset.close();
    }
  }
}
