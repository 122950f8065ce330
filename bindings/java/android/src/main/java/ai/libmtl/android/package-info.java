/** What libmtl has for Android alone: models among an app's assets. */
@NullMarked
package ai.libmtl.android;

import org.jspecify.annotations.NullMarked;
