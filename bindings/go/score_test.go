package mtl_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func TestATaggerScoresNothing(t *testing.T) {
	exercises := []mtl.Exercise{
		{Track: "es_en", User: "ada", Countries: []string{"CO", "US"}, Days: 2.5, Time: 9 * time.Second, Words: []string{"la", "niña"}},
		{},
	}
	model := open(t)
	for _, given := range [][]mtl.Exercise{exercises, nil} {
		_, err := model.Score(context.Background(), given)
		if !errors.Is(err, mtl.ErrArgument) || !strings.Contains(err.Error(), "scorer") {
			t.Error(err)
		}
	}
	_, err := model.Score(context.Background(), exercises, mtl.ScoreWith("unit", "bytes"))
	if !errors.Is(err, mtl.ErrArgument) || !strings.Contains(err.Error(), "unit") {
		t.Error(err)
	}
	model.Close()
	if _, err := model.Score(context.Background(), exercises); !errors.Is(err, mtl.ErrClosed) {
		t.Error(err)
	}
}

func scorer(t *testing.T) *mtl.Model {
	t.Helper()
	model, err := mtl.Open(context.Background(), bundle("sla-demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

func score(t *testing.T, model *mtl.Model, exercises []mtl.Exercise, options ...mtl.ScoreOption) []mtl.Scored {
	t.Helper()
	scored, err := model.Score(context.Background(), exercises, options...)
	if err != nil {
		t.Fatal(err)
	}
	if len(scored) != len(exercises) {
		t.Fatalf("%d results of %d exercises", len(scored), len(exercises))
	}
	return scored
}

func TestScore(t *testing.T) {
	model := scorer(t)
	exercises := []mtl.Exercise{
		{Track: "en_es", User: "nobody knows me", Countries: []string{"CO", "US"}, Days: 2.5, Time: 9 * time.Second,
			Client: "web", Session: "lesson", Format: "listen", Words: []string{"the", "boy"}},
		{Track: "en_es"},
		{Track: "xx_yy", Words: []string{"a"}},
		{Track: "en_es", Words: []string{"a", "bad \xff"}},
		{Track: "en_es", Days: math.NaN(), Words: []string{"a"}},
	}
	scored := score(t, model, exercises)
	for i, want := range []struct {
		words int
		err   error
	}{{2, nil}, {0, nil}, {0, mtl.ErrArgument}, {0, mtl.ErrInput}, {0, mtl.ErrInput}} {
		if len(scored[i].Mistakes) != want.words || !errors.Is(scored[i].Err, want.err) {
			t.Errorf("exercise %d: %+v", i, scored[i])
		}
	}
	alone := score(t, model, exercises[:1])[0].Mistakes
	calibrated := score(t, model, exercises[:1], mtl.WithCalibration())[0].Mistakes
	for i, p := range scored[0].Mistakes {
		if p <= 0 || p >= 1 || p != alone[i] || p <= calibrated[i] {
			t.Errorf("word %d: %v, alone %v, calibrated %v", i, p, alone[i], calibrated[i])
		}
	}
	if len(score(t, model, nil)) != 0 {
		t.Error("results of nothing")
	}
	if _, err := model.Tag(context.Background(), []string{"a"}); !errors.Is(err, mtl.ErrArgument) {
		t.Errorf("a scorer tags: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := model.Score(ctx, exercises); !errors.Is(err, mtl.ErrCancelled) {
		t.Errorf("a cancelled context: %v", err)
	}
}
