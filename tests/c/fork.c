/* After fork(), a child that uses its parent's objects gets an error, and does not hang. */
#include "check.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child that an alarm ends, and tells whether it ended well. */
static int in_child(int (*body)(void *), void *user) {
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body(user) ? 0 : 1);
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct objects {
  mtl_env *env;
  mtl_bundle *bundle;
  const mtl_model *model;
  mtl_batch *batch;
  mtl_options *options;
  mtl_cancel *cancel;
  mtl_result *result;
  mtl_slot *slot;
};

static int every_object_is_refused(void *user) {
  struct objects *o = user;
  const mtl_model *model = NULL;
  mtl_result *result = NULL;
  mtl_slot *slot = NULL;
  mtl_batch *fresh = NULL;
  mtl_tokens tokens = {.struct_size = sizeof tokens};
  uint32_t task = 0;
  int forked = MTL_ERROR_FORKED;
  int good = mtl_batch_new(&fresh, NULL) == MTL_OK && mtl_tag(o->model, fresh, NULL, NULL, &result, NULL) == forked &&
             mtl_batch_add_text(o->batch, "a", 1, NULL) == forked && mtl_batch_clear(o->batch, NULL) == forked &&
             mtl_options_set(o->options, "unit", 4, "bytes", 5, NULL) == forked &&
             mtl_cancel_fire(o->cancel, NULL) == forked && mtl_env_trim(o->env, NULL) == forked &&
             mtl_model_open(o->bundle, NULL, NULL, &model, NULL) == forked &&
             mtl_model_task_find(o->model, "ner", 3, &task, NULL) == forked &&
             mtl_result_tokens(o->result, &tokens, NULL) == forked && mtl_slot_get(o->slot, &model, NULL) == forked &&
             mtl_slot_set(o->slot, o->model, NULL) == forked && mtl_slot_new(o->model, &slot, NULL) == forked;
  /* To free them does nothing, and does not wait for threads that the child has not. */
  mtl_slot_free(o->slot);
  mtl_result_free(o->result);
  mtl_cancel_free(o->cancel);
  mtl_options_free(o->options);
  mtl_batch_free(o->batch);
  mtl_model_release(o->model);
  mtl_bundle_free(o->bundle);
  mtl_env_free(o->env);
  mtl_batch_free(fresh);
  return good;
}

static int new_objects_work(void *user) {
  (void)user;
  mtl_env *env = NULL;
  mtl_bundle *bundle = NULL;
  const mtl_model *model = NULL;
  mtl_batch *batch = NULL;
  mtl_result *result = NULL;
  int good = mtl_env_new(2, &env, NULL) == MTL_OK &&
             mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &bundle, NULL) == MTL_OK &&
             mtl_model_open(bundle, NULL, env, &model, NULL) == MTL_OK && mtl_batch_new(&batch, NULL) == MTL_OK &&
             mtl_batch_add_text(batch, "Ada sails.", 10, NULL) == MTL_OK &&
             mtl_tag(model, batch, NULL, NULL, &result, NULL) == MTL_OK;
  mtl_result_free(result);
  mtl_batch_free(batch);
  mtl_model_release(model);
  mtl_bundle_free(bundle);
  mtl_env_free(env);
  return good;
}

static void a_child_gets_an_error_and_no_hang(void) {
  struct objects o = {0};
  WORKS(mtl_env_new(2, &o.env, E));
  WORKS(mtl_bundle_open(bundle_path, strlen(bundle_path), NULL, &o.bundle, E));
  WORKS(mtl_model_open(o.bundle, NULL, o.env, &o.model, E));
  o.batch = batch_of((const char *[]){"Ada sails."}, 1);
  o.options = options_of("");
  WORKS(mtl_cancel_new(-1, &o.cancel, E));
  WORKS(mtl_tag(o.model, o.batch, NULL, NULL, &o.result, E));
  WORKS(mtl_slot_new(o.model, &o.slot, E));
  CHECK(in_child(every_object_is_refused, &o));
  CHECK(in_child(new_objects_work, NULL));
  /* The parent's live on. */
  mtl_result_free(o.result);
  WORKS(mtl_tag(o.model, o.batch, NULL, NULL, &o.result, E));
  mtl_slot_free(o.slot);
  mtl_result_free(o.result);
  mtl_cancel_free(o.cancel);
  mtl_options_free(o.options);
  mtl_batch_free(o.batch);
  mtl_model_release(o.model);
  mtl_bundle_free(o.bundle);
  mtl_env_free(o.env);
}

struct busy {
  sem_t listening, done;
};

static void listen_long(void *user, uint32_t level, const char *message, size_t length) {
  struct busy *busy = user;
  (void)level, (void)message, (void)length;
  sem_post(&busy->listening);
  sem_wait(&busy->done);
}

static void *open_and_release(void *user) {
  mtl_model_release(open_model());
  return user;
}

static void ignore(void *user, uint32_t level, const char *message, size_t length) {
  (void)level, (void)message, (void)length;
  ++*(int *)user;
}

static int a_listener_of_its_own(void *user) {
  int heard = 0;
  mtl_log_set(NULL, NULL, 0, NULL);
  mtl_model_release(open_model());
  mtl_log_set(ignore, &heard, MTL_LOG_INFO, NULL);
  mtl_model_release(open_model());
  return user == NULL && heard == 1;
}

static void a_thread_that_listens_at_the_fork_does_not_stop_the_child(void) {
  struct busy busy;
  pthread_t thread;
  CHECK(sem_init(&busy.listening, 0, 0) == 0 && sem_init(&busy.done, 0, 0) == 0);
  WORKS(mtl_log_set(listen_long, &busy, MTL_LOG_INFO, E));
  CHECK(pthread_create(&thread, NULL, open_and_release, NULL) == 0);
  sem_wait(&busy.listening);
  CHECK(in_child(a_listener_of_its_own, NULL));
  sem_post(&busy.done);
  pthread_join(thread, NULL);
  WORKS(mtl_log_set(NULL, NULL, 0, E));
  sem_destroy(&busy.listening);
  sem_destroy(&busy.done);
}

void test_fork(void) {
  RUN(a_child_gets_an_error_and_no_hang);
  RUN(a_thread_that_listens_at_the_fork_does_not_stop_the_child);
}
