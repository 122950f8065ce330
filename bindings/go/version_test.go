package mtl

import (
	"errors"
	"strings"
	"testing"
)

func TestAnotherABIIsRefused(t *testing.T) {
	if err := libraryMatches(); err != nil {
		t.Fatal(err)
	}
	err := checkABI(1, 2)
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "ABI version 1") ||
		!strings.Contains(err.Error(), "libmtl.so.1") {
		t.Errorf("%v", err)
	}
}
