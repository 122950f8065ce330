//go:build linux

package mtl_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// The model is 2 MB large and more in memory: a hundred of them that are not freed would be seen.
const growth = 40 << 20

func TestAHundredModelsLeaveNothing(t *testing.T) {
	var before int
	for i := range 110 {
		if i == 10 {
			before = resident(t)
		}
		model, err := mtl.Open(context.Background(), bundle("mtl-mobile"))
		if err != nil {
			t.Fatal(err)
		}
		tag(t, model, []string{sentence})
		model.Close()
	}
	after := resident(t)
	t.Logf("resident: %d KiB after 10 models, %d KiB after 110", before>>10, after>>10)
	if after > before+growth {
		t.Errorf("grew by %d KiB", (after-before)>>10)
	}
}

// leak opens a model and forgets it.
func leak(t *testing.T) {
	t.Helper()
	if _, err := mtl.Open(context.Background(), bundle("mtl-mobile")); err != nil {
		t.Fatal(err)
	}
}

func TestForgottenModelsAreFreed(t *testing.T) {
	before := resident(t)
	for range 100 {
		leak(t)
		runtime.GC()
	}
	for end := time.Now().Add(5 * time.Second); resident(t) > before+growth && time.Now().Before(end); {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	after := resident(t)
	t.Logf("resident: %d KiB, and %d KiB after 100 forgotten models", before>>10, after>>10)
	if after > before+growth {
		t.Errorf("grew by %d KiB", (after-before)>>10)
	}
}
