package mtl_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func align(t *testing.T, answers []mtl.Answer, options ...mtl.AlignOption) []mtl.Alignment {
	t.Helper()
	found, err := mtl.Align(context.Background(), answers, options...)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(answers) {
		t.Fatalf("%d alignments of %d answers", len(found), len(answers))
	}
	return found
}

// mistakes are the words that an answer got wrong.
func mistakes(answer mtl.Answer, alignment mtl.Alignment) []string {
	var wrong []string
	for _, word := range alignment.Words {
		if word.Mistake {
			wrong = append(wrong, word.Of(answer.Correct))
		}
	}
	return wrong
}

func TestAlign(t *testing.T) {
	answers := []mtl.Answer{
		{Correct: "I love my mother.", Typed: "I love mader"},
		{Correct: "no", Typed: "bad \xff"},
		{Correct: "no", Typed: "oh no"},
		{},
	}
	found := align(t, answers)
	if wrong := mistakes(answers[0], found[0]); !slices.Equal(wrong, []string{"my", "mother"}) {
		t.Errorf("mistakes %q", wrong)
	}
	if found[0].WordErrorRate != 0.5 || len(found[0].Edits) != 4 {
		t.Errorf("%+v", found[0])
	}
	if edit := found[0].Edits[3]; edit.Kind != mtl.Substitute || edit.Word != 3 || edit.Typed.Of(answers[0].Typed) != "mader" {
		t.Errorf("%+v", edit)
	}
	if edit := found[0].Edits[2]; edit.Kind != mtl.Delete || edit.Typed != (mtl.Range{}) {
		t.Errorf("%+v", edit)
	}
	if !errors.Is(found[1].Err, mtl.ErrInput) || found[1].Words != nil {
		t.Errorf("%+v", found[1])
	}
	if edits := found[2].Edits; len(edits) != 2 || edits[0].Kind != mtl.Insert || edits[0].Word != -1 || edits[1].Word != 0 {
		t.Errorf("%+v", edits)
	}
	if found[3].Err != nil || len(found[3].Words) != 0 {
		t.Errorf("%+v", found[3])
	}
	if len(align(t, nil)) != 0 {
		t.Error("alignments of nothing")
	}
}

func TestAlignTokens(t *testing.T) {
	found, err := mtl.AlignTokens(context.Background(), []mtl.AnswerTokens{{Correct: []string{"do", "n't", "go"}, Typed: []string{"do", "go"}}})
	if err != nil || len(found) != 1 || len(found[0].Words) != 3 || !found[0].Words[1].Mistake || found[0].Words[2].Mistake {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAlignOptions(t *testing.T) {
	answer := []mtl.Answer{{Correct: "¿Sí, Señor?", Typed: "si senor"}}
	for _, test := range []struct {
		options []mtl.AlignOption
		wrong   []string
	}{
		{nil, nil},
		{[]mtl.AlignOption{mtl.WithAccents()}, []string{"Sí", "Señor"}},
		{[]mtl.AlignOption{mtl.WithCase()}, []string{"Sí", "Señor"}},
		{[]mtl.AlignOption{mtl.WithPunctuation()}, []string{"¿", ",", "?"}},
	} {
		if wrong := mistakes(answer[0], align(t, answer, test.options...)[0]); !slices.Equal(wrong, test.wrong) {
			t.Errorf("%v: %q", test.options, wrong)
		}
	}
	points := align(t, answer, mtl.WithUnit(mtl.CodePoints))[0].Words
	if last := points[len(points)-1]; last.End != 11 {
		t.Errorf("%+v", last)
	}
	_, err := mtl.Align(context.Background(), answer, mtl.AlignWith("colour", "red"))
	if !errors.Is(err, mtl.ErrArgument) {
		t.Error(err)
	}
}

func TestAlignEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if _, err := mtl.Align(ctx, make([]mtl.Answer, 1)); !errors.Is(err, mtl.ErrDeadline) {
		t.Error(err)
	}
}
