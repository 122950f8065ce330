/* Versions, bundles, models, pools and cancel tokens. */
#include "bridge.h"

#include <string.h>

static jint version(JNIEnv *env, jclass type) {
  (void)env, (void)type;
  return (jint)mtl_version();
}

static jbyteArray build_info(JNIEnv *env, jclass type) {
  (void)type;
  const char *text = mtl_build_info();
  return bytes(env, text, strlen(text));
}

static jlong bundle_open(JNIEnv *env, jclass type, jbyteArray path, jobjectArray given) {
  (void)type;
  mtl_bundle *bundle = NULL;
  mtl_options *options = NULL;
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  const char *name = borrow(&loans, 'B', path);
  if (name != NULL && options_of(env, given, &options)) {
    size_t length = (size_t)(*env)->GetArrayLength(env, path);
    (void)failed(env, mtl_bundle_open(name, length, options, &bundle, &error), &error);
  }
  mtl_options_free(options);
  give_back(&loans);
  return NUMBER(bundle);
}

static jlong bundle_open_bytes(JNIEnv *env, jclass type, jbyteArray archive) {
  (void)type;
  mtl_bundle *bundle = NULL;
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  const void *data = borrow(&loans, 'B', archive);
  if (data != NULL) {
    size_t length = (size_t)(*env)->GetArrayLength(env, archive);
    (void)failed(env, mtl_bundle_open_memory(data, length, NULL, &bundle, &error), &error);
  }
  give_back(&loans);
  return NUMBER(bundle);
}

/* `from` and `length` lie in the buffer: Java has looked. */
static jlong bundle_open_buffer(JNIEnv *env, jclass type, jobject buffer, jint from, jint length, jobjectArray given) {
  (void)type;
  mtl_bundle *bundle = NULL;
  mtl_options *options = NULL;
  mtl_error *error = NULL;
  const char *data = (*env)->GetDirectBufferAddress(env, buffer);
  if (options_of(env, given, &options)) {
    const char *archive = data == NULL ? NULL : data + from;
    (void)failed(env, mtl_bundle_open_memory(archive, (size_t)length, options, &bundle, &error), &error);
  }
  mtl_options_free(options);
  return NUMBER(bundle);
}

static jlong bundle_open_descriptor(JNIEnv *env, jclass type, jint descriptor, jlong offset, jlong length,
                                    jobjectArray given) {
  (void)type;
  mtl_bundle *bundle = NULL;
  mtl_options *options = NULL;
  mtl_error *error = NULL;
  if (options_of(env, given, &options)) {
    (void)failed(env, mtl_bundle_open_descriptor(descriptor, (uint64_t)offset, (uint64_t)length, options, &bundle, &error),
                 &error);
  }
  mtl_options_free(options);
  return NUMBER(bundle);
}

/* The number in a java.io.FileDescriptor: its field is called `fd` by the JVM and `descriptor` by Android. -1: none. */
static jint descriptor_of(JNIEnv *env, jclass type, jobject descriptor) {
  (void)type;
  jclass class = (*env)->GetObjectClass(env, descriptor);
  jfieldID field = (*env)->GetFieldID(env, class, "fd", "I");
  if ((*env)->ExceptionCheck(env)) {
    (*env)->ExceptionClear(env);
    field = (*env)->GetFieldID(env, class, "descriptor", "I");
  }
  (*env)->DeleteLocalRef(env, class);
  return (*env)->ExceptionCheck(env) ? -1 : (*env)->GetIntField(env, descriptor, field);
}

static jbyteArray bundle_digest(JNIEnv *env, jclass type, jlong bundle) {
  (void)type;
  size_t length = 0;
  const char *text = mtl_bundle_digest(POINTER(mtl_bundle, bundle), &length);
  return bytes(env, text, length);
}

static jbyteArray bundle_manifest(JNIEnv *env, jclass type, jlong bundle) {
  (void)type;
  size_t length = 0;
  const char *text = mtl_bundle_manifest(POINTER(mtl_bundle, bundle), &length);
  return bytes(env, text, length);
}

static void bundle_free(JNIEnv *env, jclass type, jlong bundle) {
  (void)env, (void)type;
  mtl_bundle_free(POINTER(mtl_bundle, bundle));
}

static jlong model_open(JNIEnv *env, jclass type, jlong bundle, jobjectArray given, jlong pool) {
  (void)type;
  const mtl_model *model = NULL;
  mtl_options *options = NULL;
  mtl_error *error = NULL;
  if (options_of(env, given, &options)) {
    (void)failed(env, mtl_model_open(POINTER(mtl_bundle, bundle), options, POINTER(mtl_env, pool), &model, &error), &error);
  }
  mtl_options_free(options);
  return NUMBER(model);
}

static jlong model_retain(JNIEnv *env, jclass type, jlong model) {
  (void)env, (void)type;
  return NUMBER(mtl_model_retain(POINTER(mtl_model, model)));
}

static void model_release(JNIEnv *env, jclass type, jlong model) {
  (void)env, (void)type;
  mtl_model_release(POINTER(mtl_model, model));
}

/* A name that the model has, by its number, of a task where it belongs to one. */
typedef const char *(*Reader)(const mtl_model *model, uint32_t task, uint32_t index, size_t *length);

static const char *language_of(const mtl_model *model, uint32_t task, uint32_t index, size_t *length) {
  (void)task;
  return mtl_model_language(model, index, length);
}

static jobjectArray names(JNIEnv *env, const mtl_model *model, uint32_t task, uint32_t count, Reader read) {
  Row row;
  if (!begin_row(&row, env, bytes_class, count)) return NULL;
  for (uint32_t i = 0; i < count; i++) {
    size_t length = 0;
    const char *text = read(model, task, i, &length);
    if (!put(&row, bytes(env, text, length))) return NULL;
  }
  return row.array;
}

/* One task: its name, labels, labels of spans, and for each language a byte that says whether it knows it. */
static jobjectArray task_facts(JNIEnv *env, const mtl_model *model, uint32_t task) {
  Row row, known;
  size_t length = 0;
  const char *name = mtl_model_task_name(model, task, &length);
  uint32_t languages = mtl_model_language_count(model);
  if (!begin_row(&row, env, object_class, 4) || !put(&row, bytes(env, name, length)) ||
      !put(&row, names(env, model, task, mtl_model_label_count(model, task), mtl_model_label)) ||
      !put(&row, names(env, model, task, mtl_model_span_label_count(model, task), mtl_model_span_label)) ||
      !begin_row(&known, env, bytes_class, languages)) {
    return NULL;
  }
  for (uint32_t language = 0; language < languages; language++) {
    size_t size = 0;
    const char *code = mtl_model_language(model, language, &size);
    if (!put(&known, mtl_model_task_knows(model, task, language) == 1 ? bytes(env, code, size) : NULL)) return NULL;
  }
  return put(&row, known.array) ? row.array : NULL;
}

/* What a model says of itself: manifest, report, languages, tasks. */
static jobjectArray model_facts(JNIEnv *env, jclass type, jlong number) {
  (void)type;
  Row row, tasks;
  const mtl_model *model = POINTER(mtl_model, number);
  size_t manifest_length = 0, report_length = 0;
  const char *manifest = mtl_model_manifest(model, &manifest_length), *report = mtl_model_report(model, &report_length);
  uint32_t count = mtl_model_task_count(model);
  if (!begin_row(&row, env, object_class, 4) || !put(&row, bytes(env, manifest, manifest_length)) ||
      !put(&row, bytes(env, report, report_length)) ||
      !put(&row, names(env, model, 0, mtl_model_language_count(model), language_of)) ||
      !begin_row(&tasks, env, object_class, count)) {
    return NULL;
  }
  for (uint32_t task = 0; task < count; task++) {
    if (!put(&tasks, task_facts(env, model, task))) return NULL;
  }
  return put(&row, tasks.array) ? row.array : NULL;
}

static jlong pool_new(JNIEnv *env, jclass type, jint threads) {
  (void)type;
  mtl_env *pool = NULL;
  mtl_error *error = NULL;
  (void)failed(env, mtl_env_new((uint32_t)threads, &pool, &error), &error);
  return NUMBER(pool);
}

static void pool_trim(JNIEnv *env, jclass type, jlong pool) {
  (void)type;
  mtl_error *error = NULL;
  (void)failed(env, mtl_env_trim(POINTER(mtl_env, pool), &error), &error);
}

static void pool_free(JNIEnv *env, jclass type, jlong pool) {
  (void)env, (void)type;
  mtl_env_free(POINTER(mtl_env, pool));
}

static jlong cancel_new(JNIEnv *env, jclass type, jlong milliseconds) {
  (void)type;
  mtl_cancel *cancel = NULL;
  mtl_error *error = NULL;
  (void)failed(env, mtl_cancel_new(milliseconds, &cancel, &error), &error);
  return NUMBER(cancel);
}

static void cancel_fire(JNIEnv *env, jclass type, jlong cancel) {
  (void)type;
  mtl_error *error = NULL;
  (void)failed(env, mtl_cancel_fire(POINTER(mtl_cancel, cancel), &error), &error);
}

static void cancel_free(JNIEnv *env, jclass type, jlong cancel) {
  (void)env, (void)type;
  mtl_cancel_free(POINTER(mtl_cancel, cancel));
}

const JNINativeMethod model_methods[] = {
    {"version", "()I", (void *)version},
    {"buildInfo", "()[B", (void *)build_info},
    {"bundleOpen", "([B[[B)J", (void *)bundle_open},
    {"bundleOpenBytes", "([B)J", (void *)bundle_open_bytes},
    {"bundleOpenBuffer", "(Ljava/nio/ByteBuffer;II[[B)J", (void *)bundle_open_buffer},
    {"bundleOpenDescriptor", "(IJJ[[B)J", (void *)bundle_open_descriptor},
    {"descriptorOf", "(Ljava/io/FileDescriptor;)I", (void *)descriptor_of},
    {"bundleDigest", "(J)[B", (void *)bundle_digest},
    {"bundleManifest", "(J)[B", (void *)bundle_manifest},
    {"bundleFree", "(J)V", (void *)bundle_free},
    {"modelOpen", "(J[[BJ)J", (void *)model_open},
    {"modelRetain", "(J)J", (void *)model_retain},
    {"modelRelease", "(J)V", (void *)model_release},
    {"modelFacts", "(J)[Ljava/lang/Object;", (void *)model_facts},
    {"poolNew", "(I)J", (void *)pool_new},
    {"poolTrim", "(J)V", (void *)pool_trim},
    {"poolFree", "(J)V", (void *)pool_free},
    {"cancelNew", "(J)J", (void *)cancel_new},
    {"cancelFire", "(J)V", (void *)cancel_fire},
    {"cancelFree", "(J)V", (void *)cancel_free},
    {NULL, NULL, NULL},
};
