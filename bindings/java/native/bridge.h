/*
 * What the files of the bridge share: the way from Java's classes to mtl.h and back.
 *
 * Text crosses as bytes of UTF-8, never as JNI's own strings, whose encoding is another. Results cross as arrays of Java's, made
 * in one call; nothing of C's is left to free but objects behind a `jlong`. A function here that makes an object gives NULL, and
 * one that does something gives 0, where an exception is pending: the caller frees what it has, and returns. No call is made of
 * the JVM then but those that may be (Release..., DeleteLocalRef, Exception...).
 */
#ifndef MTL_BRIDGE_H
#define MTL_BRIDGE_H

#include <jni.h>
#include <mtl.h>

/* A pointer of C's as Java keeps it. */
#define POINTER(type, number) ((type *)(intptr_t)(number))
#define NUMBER(pointer) ((jlong)(intptr_t)(pointer))

/* Classes, found when the library is loaded; global references. */
extern jclass object_class, bytes_class;

/* Arrays whose elements a call has borrowed from the JVM. */
typedef struct {
  JNIEnv *env;
  int count;
  struct {
    char type;
    jarray array;
    void *elements;
  } lent[20];
} Loans;

/* The elements of an array of `type` 'B' (byte), 'J' (long) or 'D' (double), until give_back(). */
const void *borrow(Loans *loans, char type, jarray array);

/* Gives all back that was borrowed, unchanged. */
void give_back(Loans *loans);

/* An array of Java's in the making: its elements are put in one after another. */
typedef struct {
  JNIEnv *env;
  jobjectArray array;
  jsize next;
} Row;

/* Begins a row of so many elements; `row->array` is what it becomes. */
int begin_row(Row *row, JNIEnv *env, jclass type, size_t length);

/* Puts the next element in and forgets its reference; NULL without an exception is an element, too. */
int put(Row *row, jobject element);

/* An element of an array; the caller deletes the reference. */
jobject element(JNIEnv *env, jobjectArray array, jsize index);

/* Arrays of Java's from columns. A column of floats that is not there is NULL. */
jbyteArray bytes(JNIEnv *env, const char *text, size_t length);
jbyteArray octets(JNIEnv *env, const uint8_t *values, size_t count);
jintArray ints(JNIEnv *env, const void *values, size_t count);
jlongArray longs(JNIEnv *env, const jlong *values, size_t count);
jfloatArray floats(JNIEnv *env, const float *values, size_t count);
jdoubleArray doubles(JNIEnv *env, const double *values, size_t count);

/* Whether a call failed: then its error becomes the pending exception, and is freed. */
int failed(JNIEnv *env, mtl_status status, mtl_error **error);

/* An error as an exception that is not thrown. */
jobject exception_of(JNIEnv *env, mtl_status status, const mtl_error *error);

/* The errors of a result, as an array with NULL for what has none; NULL where nothing has one. `error_of` finds that of a number. */
typedef const mtl_error *(*ErrorOf)(const void *result, uint32_t index);
jobjectArray errors(JNIEnv *env, const void *result, ErrorOf error_of, const int32_t *status, uint32_t count);

/* The options in an array of keys and values, NULL for an empty one: `*out` is the caller's to free. */
int options_of(JNIEnv *env, jobjectArray given, mtl_options **out);

/* The methods of each file, which JNI_OnLoad registers; an entry without a name ends them. */
extern const JNINativeMethod model_methods[], tag_methods[], score_methods[], log_methods[];

/* Begins and ends what log.c needs. */
int log_load(JavaVM *vm, JNIEnv *env, jclass native);
void log_unload(void);

#endif
