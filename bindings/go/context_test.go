package mtl_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// stopped fails unless err says so in the library's words and in the context's.
func stopped(t *testing.T, documents []mtl.Annotation, err error, code mtl.Code, cause error) {
	t.Helper()
	var fault *mtl.Error
	if documents != nil || !errors.Is(err, code) || !errors.Is(err, cause) || !errors.As(err, &fault) || fault.Code != code {
		t.Errorf("%d documents, %v; not %v", len(documents), err, code)
	}
}

func TestContextThatHasEnded(t *testing.T) {
	model := open(t)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	documents, err := model.Tag(cancelled, []string{sentence})
	stopped(t, documents, err, mtl.ErrCancelled, context.Canceled)
	_, err = mtl.Open(cancelled, bundle("mtl-mobile"))
	stopped(t, nil, err, mtl.ErrCancelled, context.Canceled)

	late, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	documents, err = model.TagTokens(late, [][]string{{"Maria"}})
	stopped(t, documents, err, mtl.ErrDeadline, context.DeadlineExceeded)
}

func TestContextThatEndsDuringACall(t *testing.T) {
	model := open(t)
	texts, whole := longBatch(t, model)
	background, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, c := range map[string]struct {
		context func() (context.Context, context.CancelFunc)
		code    mtl.Code
		cause   error
	}{
		"cancelled": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(background)
			time.AfterFunc(whole/50, cancel)
			return ctx, cancel
		}, mtl.ErrCancelled, context.Canceled},
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(background, whole/50)
		}, mtl.ErrDeadline, context.DeadlineExceeded},
	} {
		ctx, cancel := c.context()
		begun := time.Now()
		documents, err := model.Tag(ctx, texts)
		took := time.Since(begun)
		cancel()
		stopped(t, documents, err, c.code, c.cause)
		t.Logf("%s after %v, ended after %v; the whole call takes %v", name, whole/50, took, whole)
		if took > whole/2 {
			t.Errorf("%s: ended after %v, where the whole call takes %v", name, took, whole)
		}
	}
	// What was stopped left the model as it was, and a context that may end but does not disturbs nothing.
	documents, err := model.Tag(background, []string{sentence})
	if err != nil {
		t.Fatal(err)
	}
	same(t, documents[0], tag(t, model, []string{sentence})[0])
}

// longBatch is a batch that takes the model a second or more, and how long it takes.
func longBatch(t *testing.T, model *mtl.Model) ([]string, time.Duration) {
	texts := []string{sentence, "Vi bor i København.", "Ada joined Siemens in Munich."}
	for {
		begun := time.Now()
		tag(t, model, texts)
		if took := time.Since(begun); took >= time.Second {
			return texts, took
		}
		texts = slices.Concat(texts, texts)
	}
}
