/* The library's messages, on their way to a listener in Java. */
#include "bridge.h"

static JavaVM *machine;
static jclass native_class;
static jmethodID log_method;

/* Runs on the thread that made a call, which is one of the JVM's. */
static void forward(void *user, uint32_t level, const char *message, size_t length) {
  (void)user;
  JNIEnv *env = NULL;
  if ((*machine)->GetEnv(machine, (void **)&env, JNI_VERSION_1_6) != JNI_OK || (*env)->ExceptionCheck(env)) return;
  jbyteArray text = bytes(env, message, length);
  if (text != NULL) (*env)->CallStaticVoidMethod(env, native_class, log_method, (jint)level, text);
  /* Java's side catches what a listener throws; what is left, such as a stack without room, must not disturb the call. */
  if ((*env)->ExceptionCheck(env)) (*env)->ExceptionClear(env);
  (*env)->DeleteLocalRef(env, text);
}

static void log_set(JNIEnv *env, jclass type, jint level) {
  (void)type;
  mtl_error *error = NULL;
  (void)failed(env, mtl_log_set(level == 0 ? NULL : forward, NULL, level == 0 ? MTL_LOG_WARN : (uint32_t)level, &error), &error);
}

int log_load(JavaVM *vm, JNIEnv *env, jclass native) {
  machine = vm;
  native_class = native;
  log_method = (*env)->GetStaticMethodID(env, native, "log", "(I[B)V");
  return log_method != NULL;
}

void log_unload(void) {
  mtl_log_set(NULL, NULL, MTL_LOG_WARN, NULL);
}

const JNINativeMethod log_methods[] = {{"logSet", "(I)V", (void *)log_set}, {NULL, NULL, NULL}};
