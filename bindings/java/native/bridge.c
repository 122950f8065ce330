/* Loading, errors, and arrays: what the other files of the bridge are made with. */
#include "bridge.h"

#include <string.h>

jclass object_class, bytes_class;
static jclass native_class;
static jmethodID failure;

const void *borrow(Loans *loans, char type, jarray array) {
  JNIEnv *env = loans->env;
  void *elements = NULL;
  switch (type) {
    case 'B': elements = (*env)->GetByteArrayElements(env, array, NULL); break;
    case 'J': elements = (*env)->GetLongArrayElements(env, array, NULL); break;
    case 'D': elements = (*env)->GetDoubleArrayElements(env, array, NULL); break;
    default: break;
  }
  if (elements == NULL) {
    jclass memory = (*env)->ExceptionCheck(env) ? NULL : (*env)->FindClass(env, "java/lang/OutOfMemoryError");
    if (memory != NULL) {
      (*env)->ThrowNew(env, memory, "libmtl: no room to read an array");
      (*env)->DeleteLocalRef(env, memory);
    }
    return NULL;
  }
  loans->lent[loans->count].type = type;
  loans->lent[loans->count].array = array;
  loans->lent[loans->count++].elements = elements;
  return elements;
}

void give_back(Loans *loans) {
  JNIEnv *env = loans->env;
  while (loans->count > 0) {
    jarray array = loans->lent[--loans->count].array;
    void *elements = loans->lent[loans->count].elements;
    switch (loans->lent[loans->count].type) {
      case 'B': (*env)->ReleaseByteArrayElements(env, array, elements, JNI_ABORT); break;
      case 'J': (*env)->ReleaseLongArrayElements(env, array, elements, JNI_ABORT); break;
      default: (*env)->ReleaseDoubleArrayElements(env, array, elements, JNI_ABORT); break;
    }
  }
}

/* Whether so many elements fit into an array of Java's; else an exception is pending. */
static int fits(JNIEnv *env, size_t count) {
  if (count <= INT32_MAX) return 1;
  jclass memory = (*env)->FindClass(env, "java/lang/OutOfMemoryError");
  if (memory != NULL) {
    (*env)->ThrowNew(env, memory, "libmtl: a result has more elements than an array of Java's; pass fewer documents a call");
    (*env)->DeleteLocalRef(env, memory);
  }
  return 0;
}

int begin_row(Row *row, JNIEnv *env, jclass type, size_t length) {
  row->env = env;
  row->next = 0;
  row->array = fits(env, length) ? (*env)->NewObjectArray(env, (jsize)length, type, NULL) : NULL;
  return row->array != NULL;
}

int put(Row *row, jobject element) {
  JNIEnv *env = row->env;
  int good = !(*env)->ExceptionCheck(env);
  if (good && element != NULL) {
    (*env)->SetObjectArrayElement(env, row->array, row->next, element);
    good = !(*env)->ExceptionCheck(env);
  }
  row->next++;
  (*env)->DeleteLocalRef(env, element);
  return good;
}

jobject element(JNIEnv *env, jobjectArray array, jsize index) {
  jobject found = (*env)->GetObjectArrayElement(env, array, index);
  return (*env)->ExceptionCheck(env) ? NULL : found;
}

/* A function that copies a column of one type; NULL values without elements are an empty array. */
#define COLUMN(name, Type, array_type, element_type, from)                                        \
  array_type name(JNIEnv *env, const from *values, size_t count) {                                \
    array_type array = fits(env, count) ? (*env)->New##Type##Array(env, (jsize)count) : NULL;     \
    if (array == NULL || count == 0) return array;                                                \
    (*env)->Set##Type##ArrayRegion(env, array, 0, (jsize)count, (const element_type *)values);    \
    return (*env)->ExceptionCheck(env) ? NULL : array;                                            \
  }

static COLUMN(some_floats, Float, jfloatArray, jfloat, float)
COLUMN(octets, Byte, jbyteArray, jbyte, uint8_t)
COLUMN(ints, Int, jintArray, jint, void)
COLUMN(longs, Long, jlongArray, jlong, jlong)
COLUMN(doubles, Double, jdoubleArray, jdouble, double)

jfloatArray floats(JNIEnv *env, const float *values, size_t count) {
  return values == NULL ? NULL : some_floats(env, values, count);
}

jbyteArray bytes(JNIEnv *env, const char *text, size_t length) {
  return text == NULL ? NULL : octets(env, (const uint8_t *)text, length);
}

/* A detail of an error; NULL where it has none, or where an exception is pending. */
static jbyteArray detail(JNIEnv *env, const mtl_error *error, const char *key) {
  size_t length = 0;
  const char *text = mtl_error_detail(error, key, strlen(key), &length);
  return (*env)->ExceptionCheck(env) ? NULL : bytes(env, text, length);
}

jobject exception_of(JNIEnv *env, mtl_status status, const mtl_error *error) {
  size_t length = 0;
  const char *text = mtl_error_message(error, &length);
  jbyteArray message = bytes(env, text, length);
  jbyteArray place = detail(env, error, "place");
  jbyteArray fault = detail(env, error, "fault");
  jbyteArray remedy = detail(env, error, "remedy");
  jobject made = NULL;
  if (!(*env)->ExceptionCheck(env)) {
    made = (*env)->CallStaticObjectMethod(env, native_class, failure, (jint)status, message, place, fault, remedy);
    if ((*env)->ExceptionCheck(env)) made = NULL;
  }
  (*env)->DeleteLocalRef(env, message);
  (*env)->DeleteLocalRef(env, place);
  (*env)->DeleteLocalRef(env, fault);
  (*env)->DeleteLocalRef(env, remedy);
  return made;
}

int failed(JNIEnv *env, mtl_status status, mtl_error **error) {
  if (status == MTL_OK) return 0;
  jobject thrown = exception_of(env, status, *error);
  mtl_error_free(*error);
  *error = NULL;
  if (thrown != NULL) (*env)->Throw(env, thrown);
  (*env)->DeleteLocalRef(env, thrown);
  return 1;
}

jobjectArray errors(JNIEnv *env, const void *result, ErrorOf error_of, const int32_t *status, uint32_t count) {
  Row row = {.array = NULL};
  for (uint32_t i = 0; i < count; i++) {
    if (status[i] == MTL_OK) continue;
    if (row.array == NULL && !begin_row(&row, env, object_class, count)) return NULL;
    row.next = (jsize)i;
    if (!put(&row, exception_of(env, status[i], error_of(result, i)))) return NULL;
  }
  return row.array;
}

/* Sets one option; the arrays of bytes are the caller's. */
static int set_option(JNIEnv *env, mtl_options *options, jbyteArray key, jbyteArray value) {
  mtl_error *error = NULL;
  Loans loans = {.env = env};
  const char *name = borrow(&loans, 'B', key);
  const char *text = name == NULL ? NULL : borrow(&loans, 'B', value);
  mtl_status status = MTL_OK;
  if (text != NULL) {
    size_t length = (size_t)(*env)->GetArrayLength(env, value);
    status = mtl_options_set(options, name, (size_t)(*env)->GetArrayLength(env, key), text, length, &error);
  }
  give_back(&loans);
  return text != NULL && !failed(env, status, &error);
}

int options_of(JNIEnv *env, jobjectArray given, mtl_options **out) {
  mtl_error *error = NULL;
  jsize count = (*env)->GetArrayLength(env, given);
  *out = NULL;
  if (count == 0) return 1;
  if (failed(env, mtl_options_new(out, &error), &error)) return 0;
  int good = 1;
  for (jsize i = 0; good && i + 1 < count; i += 2) {
    jbyteArray key = element(env, given, i);
    jbyteArray value = key == NULL ? NULL : element(env, given, i + 1);
    good = value != NULL && set_option(env, *out, key, value);
    (*env)->DeleteLocalRef(env, key);
    (*env)->DeleteLocalRef(env, value);
  }
  if (!good) {
    mtl_options_free(*out);
    *out = NULL;
  }
  return good;
}

/* A class, for as long as the library is loaded. */
static jclass keep(JNIEnv *env, const char *name) {
  jclass found = (*env)->FindClass(env, name);
  jclass kept = found == NULL ? NULL : (*env)->NewGlobalRef(env, found);
  (*env)->DeleteLocalRef(env, found);
  return kept;
}

static int register_methods(JNIEnv *env, const JNINativeMethod *methods) {
  jint count = 0;
  while (methods[count].name != NULL) count++;
  return (*env)->RegisterNatives(env, native_class, methods, count) == 0;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
  (void)reserved;
  JNIEnv *env = NULL;
  if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  if ((native_class = keep(env, "ai/libmtl/Native")) == NULL || (object_class = keep(env, "java/lang/Object")) == NULL ||
      (bytes_class = keep(env, "[B")) == NULL) {
    return JNI_ERR;
  }
  failure = (*env)->GetStaticMethodID(env, native_class, "failure", "(I[B[B[B[B)Lai/libmtl/MtlException;");
  if (failure == NULL || !log_load(vm, env, native_class) || !register_methods(env, model_methods) ||
      !register_methods(env, tag_methods) || !register_methods(env, score_methods) || !register_methods(env, log_methods)) {
    return JNI_ERR;
  }
  return JNI_VERSION_1_6;
}

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved) {
  (void)reserved;
  JNIEnv *env = NULL;
  log_unload();
  if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_6) != JNI_OK) return;
  (*env)->DeleteGlobalRef(env, native_class);
  (*env)->DeleteGlobalRef(env, object_class);
  (*env)->DeleteGlobalRef(env, bytes_class);
}
