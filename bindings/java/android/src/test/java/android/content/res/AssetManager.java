package android.content.res;

import android.os.ParcelFileDescriptor;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Map;

/** Stands in for Android's, in whose library for compiling no method can be called. */
public final class AssetManager {
  private final Map<String, long[]> assets;

  /** Assets by name: descriptor, offset, length. */
  public AssetManager(Map<String, long[]> assets) {
    this.assets = assets;
  }

  public AssetFileDescriptor openFd(String name) throws IOException {
    long[] asset = assets.get(name);
    if (asset == null) {
      throw new FileNotFoundException(name);
    }
    return new AssetFileDescriptor(new ParcelFileDescriptor((int) asset[0]), asset[1], asset[2]);
  }
}
