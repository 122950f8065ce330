package mtl_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

const sentence = "Maria Jensen moved from Copenhagen to Toronto."

// bundle is the path of a model of the zoo.
func bundle(name string) string {
	zoo := os.Getenv("MTL_ZOO")
	if zoo == "" {
		zoo = filepath.Join("..", "..", "models")
	}
	return filepath.Join(zoo, name)
}

func open(t testing.TB, options ...mtl.OpenOption) *mtl.Model {
	t.Helper()
	model, err := mtl.Open(context.Background(), bundle("mtl-mobile"), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

func tag(t testing.TB, model *mtl.Model, texts []string, options ...mtl.TagOption) []mtl.Annotation {
	t.Helper()
	documents, err := model.Tag(context.Background(), texts, options...)
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) != len(texts) {
		t.Fatalf("%d annotations of %d texts", len(documents), len(texts))
	}
	return documents
}

func TestModelSaysWhatItIs(t *testing.T) {
	model := open(t)
	if tasks := model.Tasks(); !slices.Contains(tasks, "ner") || !slices.Contains(tasks, "upos") {
		t.Errorf("tasks %q", tasks)
	}
	if !slices.Contains(model.Languages(), "da") {
		t.Errorf("languages %q", model.Languages())
	}
	labels, err := model.Labels("upos")
	if err != nil || !slices.Contains(labels, "NOUN") {
		t.Errorf("labels %q, %v", labels, err)
	}
	spans, err := model.SpanLabels("ner")
	if err != nil || !slices.Contains(spans, "PER") {
		t.Errorf("labels of spans %q, %v", spans, err)
	}
	languages, err := model.TaskLanguages("ner")
	if err != nil || !slices.Contains(languages, "en") || slices.Contains(languages, "xx") {
		t.Errorf("languages of ner %q, %v", languages, err)
	}
	if _, err := model.Labels("nonesuch"); !errors.Is(err, mtl.ErrArgument) || !strings.Contains(err.Error(), "upos") {
		t.Errorf("an unknown task's labels: %v", err)
	}
	if len(model.Digest()) != 64 {
		t.Errorf("digest %q", model.Digest())
	}
	if !strings.Contains(string(model.Manifest()), `"mtl-mobile"`) || !strings.Contains(string(model.Report()), `"native"`) {
		t.Errorf("manifest %s, report %s", model.Manifest(), model.Report())
	}
}

func TestTag(t *testing.T) {
	document := tag(t, open(t), []string{sentence}, mtl.WithScores(), mtl.WithNBest(3))[0]
	if document.Err != nil || document.Language != "en" || len(document.Sentences) != 1 || len(document.Tokens) != 8 {
		t.Fatalf("%+v", document)
	}
	ner := document.Task("ner")
	found := slices.IndexFunc(ner.Spans, func(s mtl.Span) bool { return s.Of(sentence) == "Copenhagen" })
	if found < 0 {
		t.Fatalf("no Copenhagen in %+v", ner.Spans)
	}
	span := ner.Spans[found]
	if span.Label != "LOC" || span.Score <= 0 || span.Score > 1 || span.Tokens != (mtl.Range{Start: 4, End: 5}) {
		t.Errorf("%+v", span)
	}
	if len(ner.Labels) != 8 || !strings.HasSuffix(ner.Labels[4], "LOC") || len(ner.Scores) != 8 {
		t.Errorf("%+v", ner)
	}
	paths := ner.Paths[0]
	if len(paths) != 3 || !slices.Equal(paths[0].Labels, ner.Labels) || paths[0].Probability < paths[1].Probability {
		t.Errorf("%+v", paths)
	}
	if none := document.Task("nonesuch"); none.Labels != nil {
		t.Errorf("%+v", none)
	}
}

func TestEveryDocumentHasItsOwn(t *testing.T) {
	model := open(t)
	texts := []string{sentence, "", "\xff\xfe", "Vi bor i København.\r\n\r\nDet regner.", " \n", sentence}
	documents := tag(t, model, texts, mtl.WithNBest(2), mtl.WithScores())
	for i, text := range texts {
		alone := tag(t, model, []string{text}, mtl.WithNBest(2), mtl.WithScores())[0]
		same(t, documents[i], alone)
	}
	var fault *mtl.Error
	if !errors.As(documents[2].Err, &fault) || fault.Code != mtl.ErrInput || fault.Fault == "" {
		t.Errorf("invalid UTF-8: %v", documents[2].Err)
	}
	if da := documents[3]; da.Language != "da" || len(da.Sentences) != 2 {
		t.Errorf("%+v", da)
	}
	if replaced := tag(t, model, texts[2:3], mtl.WithReplacedUTF8())[0]; replaced.Err != nil {
		t.Error(replaced.Err)
	}
	if empty := tag(t, model, nil); len(empty) != 0 {
		t.Errorf("%+v", empty)
	}
}

// same fails unless both documents are the same.
func same(t *testing.T, one, other mtl.Annotation) {
	t.Helper()
	if (one.Err == nil) != (other.Err == nil) || one.Language != other.Language ||
		!slices.Equal(one.Tokens, other.Tokens) || !slices.Equal(one.Sentences, other.Sentences) ||
		len(one.Tags) != len(other.Tags) {
		t.Fatalf("%+v is not %+v", one, other)
	}
	for i, tags := range one.Tags {
		like := other.Tags[i]
		if tags.Task != like.Task || !slices.Equal(tags.Labels, like.Labels) || len(tags.Scores) != len(like.Scores) ||
			!slices.EqualFunc(tags.Spans, like.Spans, func(a, b mtl.Span) bool {
				return a.Range == b.Range && a.Tokens == b.Tokens && a.Label == b.Label
			}) || len(tags.Paths) != len(like.Paths) {
			t.Fatalf("%+v is not %+v", tags, like)
		}
	}
}

func TestTagTokens(t *testing.T) {
	model := open(t)
	sentences := [][]string{{"Maria", "Jensen", "moved", "from", "Copenhagen", "."}, {}, {"a", ""}, {"Zoë", "😀"}}
	documents, err := model.TagTokens(context.Background(), sentences, mtl.WithLanguage("en"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(sentences[0], "")
	for i, token := range documents[0].Tokens {
		if token.Of(text) != sentences[0][i] {
			t.Errorf("token %d is %q", i, token.Of(text))
		}
	}
	if documents[0].Task("ner").Labels[4] != "S-LOC" {
		t.Errorf("%+v", documents[0])
	}
	if documents[1].Err != nil || len(documents[1].Tokens) != 0 || len(documents[1].Sentences) != 0 {
		t.Errorf("%+v", documents[1])
	}
	var fault *mtl.Error
	if !errors.As(documents[2].Err, &fault) || fault.Code != mtl.ErrInput || fault.Place != "token 1" {
		t.Errorf("an empty token: %#v", documents[2].Err)
	}
	if want := []mtl.Range{{Start: 0, End: 4}, {Start: 4, End: 8}}; !slices.Equal(documents[3].Tokens, want) {
		t.Errorf("%+v", documents[3])
	}
}

func TestTasksThatDoNotKnowALanguageHaveNoTags(t *testing.T) {
	model := open(t)
	if known, _ := model.TaskLanguages("ner"); slices.Contains(known, "nl") {
		t.Fatal("ner knows Dutch now: take another language here")
	}
	texts := []string{"Ik woon al jaren in Amsterdam."}
	document := tag(t, model, texts, mtl.WithLanguage("nl"))[0]
	if len(document.Task("ner").Labels) != 0 || len(document.Task("upos").Labels) != 7 {
		t.Errorf("%+v", document.Tags)
	}
	document = tag(t, model, texts, mtl.WithLanguage("nl"), mtl.WithZeroShot())[0]
	if len(document.Task("ner").Labels) != 7 {
		t.Errorf("%+v", document.Tags)
	}
}

func TestClose(t *testing.T) {
	model := open(t)
	other, err := model.Retain()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := model.Tag(context.Background(), []string{sentence}); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("tag after close: %v", err)
	}
	if _, err := model.Retain(); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("retain after close: %v", err)
	}
	if len(model.Tasks()) == 0 {
		t.Error("a closed model forgot its tasks")
	}
	tag(t, other, []string{sentence})
	other.Close()
	if err := new(mtl.Model).Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseWhileOthersTag(t *testing.T) {
	for range 5 {
		model := open(t)
		begun := make(chan struct{}, 8)
		var group sync.WaitGroup
		for range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				for first := true; ; first = false {
					documents, err := model.Tag(context.Background(), []string{sentence, sentence})
					if errors.Is(err, mtl.ErrClosed) {
						return
					}
					if err != nil || len(documents[1].Tokens) != 8 {
						t.Errorf("%v, %+v", err, documents)
						return
					}
					if first {
						begun <- struct{}{}
					}
				}
			}()
		}
		<-begun
		model.Close()
		group.Wait()
	}
}

func TestEnv(t *testing.T) {
	env, err := mtl.NewEnv(2)
	if err != nil {
		t.Fatal(err)
	}
	model := open(t, mtl.WithEnv(env))
	if err := env.Trim(); err != nil {
		t.Error(err)
	}
	env.Close()
	env.Close()
	if err := env.Trim(); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("trim after close: %v", err)
	}
	if !strings.Contains(string(model.Report()), `"threads":3`) {
		t.Errorf("%s", model.Report())
	}
	same(t, tag(t, model, []string{sentence})[0], tag(t, open(t), []string{sentence})[0])
	if _, err := mtl.Open(context.Background(), bundle("mtl-mobile"), mtl.WithEnv(env)); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("open with a closed environment: %v", err)
	}
	for _, threads := range []int{-1, 1025} {
		if _, err := mtl.NewEnv(threads); !errors.Is(err, mtl.ErrArgument) {
			t.Errorf("%d threads: %v", threads, err)
		}
	}
}

func TestSlotSwapsUnderLoad(t *testing.T) {
	slot, err := mtl.NewSlot(open(t))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				documents, err := slot.Tag(context.Background(), []string{sentence}, mtl.WithLanguage("en"))
				if err != nil || len(documents[0].Tokens) != 8 {
					t.Errorf("%v, %+v", err, documents)
					return
				}
			}
		}()
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		model, err := mtl.Open(context.Background(), bundle("mtl-mobile"))
		if err != nil {
			t.Fatal(err)
		}
		if err := slot.Set(model); err != nil {
			t.Error(err)
		}
		model.Close()
	}
	close(stop)
	group.Wait()
	slot.Close()
	slot.Close()
	if _, err := slot.Tag(context.Background(), nil); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("tag after close: %v", err)
	}
	if err := slot.Set(open(t)); !errors.Is(err, mtl.ErrClosed) {
		t.Errorf("set after close: %v", err)
	}
}
