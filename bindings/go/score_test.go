package mtl_test

import (
	"context"
	"errors"
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
