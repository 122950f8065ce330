package mtl_test

import (
	"context"
	"errors"
	"testing"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// answers are exercises of two words, of which each was a mistake, or none.
func answers(user string, count int, mistake bool) []mtl.Answered {
	history := make([]mtl.Answered, count)
	for i := range history {
		exercise := mtl.Exercise{Track: "en_es", User: user, Words: []string{"the", "boy"}}
		history[i] = mtl.Answered{Exercise: exercise, Mistakes: []bool{mistake, mistake}}
	}
	return history
}

func adapt(t *testing.T, model *mtl.Model, history []mtl.Answered, prior *mtl.Learner) *mtl.Learner {
	t.Helper()
	learner, err := model.Adapt(context.Background(), history, prior)
	if err != nil {
		t.Fatal(err)
	}
	return learner
}

func TestALearnerIsFittedStoredAndScored(t *testing.T) {
	model := scorer(t)
	exercises := []mtl.Exercise{answers("ada", 1, false)[0].Exercise}
	first := func(options ...mtl.ScoreOption) float32 { return score(t, model, exercises, options...)[0].Mistakes[0] }
	good, bad := adapt(t, model, answers("ada", 9, false), nil), adapt(t, model, answers("ada", 9, true), nil)
	if unknown := first(); first(mtl.WithLearners(good)) >= unknown || first(mtl.WithLearners(bad)) <= unknown {
		t.Error(first(mtl.WithLearners(good)), unknown, first(mtl.WithLearners(bad)))
	}
	if first(mtl.WithLearners(good), mtl.WithCalibration()) >= first(mtl.WithLearners(good)) {
		t.Error("options are lost beside learners")
	}
	stored, err := good.MarshalBinary()
	if err != nil || len(stored) < 100 || len(stored) > 1000 {
		t.Fatal(err, len(stored))
	}
	var again mtl.Learner
	if err := again.UnmarshalBinary(stored); err != nil || again.User() != "ada" || again.Words() != 18 {
		t.Fatal(err, again.User(), again.Words())
	}
	if first(mtl.WithLearners(&again)) != first(mtl.WithLearners(good)) {
		t.Error("what was stored is not what is scored with")
	}
	if both := adapt(t, model, answers("ada", 9, true), &again); both.Words() != 36 {
		t.Error(both.Words())
	}
	if err := again.UnmarshalBinary(stored[1:]); !errors.Is(err, mtl.ErrInput) || again.Words() != 18 {
		t.Error(err, again.Words())
	}
}

func TestWhatCannotBeAdaptedToIsRefused(t *testing.T) {
	model, tagger := scorer(t), open(t)
	good := answers("ada", 1, true)
	short := append(answers("ada", 1, true), mtl.Answered{Exercise: good[0].Exercise})
	bob := adapt(t, model, answers("bob", 1, true), nil)
	for name, refused := range map[string]func() (*mtl.Learner, error){
		"no history": func() (*mtl.Learner, error) { return model.Adapt(context.Background(), nil, nil) },
		"a tagger":   func() (*mtl.Learner, error) { return tagger.Adapt(context.Background(), good, nil) },
		"two users": func() (*mtl.Learner, error) {
			return model.Adapt(context.Background(), append(answers("eve", 1, true), good...), nil)
		},
		"no memory":    func() (*mtl.Learner, error) { return model.Remember(context.Background(), good, nil) },
		"another user": func() (*mtl.Learner, error) { return model.Adapt(context.Background(), good, bob) },
		"no labels":    func() (*mtl.Learner, error) { return model.Adapt(context.Background(), short, nil) },
	} {
		if learner, err := refused(); learner != nil || !errors.Is(err, mtl.ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := model.Score(context.Background(), nil, mtl.WithLearners(bob, bob))
	if !errors.Is(err, mtl.ErrArgument) {
		t.Error(err)
	}
	_, err = model.Score(context.Background(), nil, mtl.WithLearners(new(mtl.Learner)))
	if !errors.Is(err, mtl.ErrInput) {
		t.Errorf("a learner of nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := model.Adapt(ctx, good, nil); !errors.Is(err, mtl.ErrCancelled) {
		t.Error(err)
	}
	model.Close()
	if _, err := model.Adapt(context.Background(), good, nil); !errors.Is(err, mtl.ErrClosed) {
		t.Error(err)
	}
}
