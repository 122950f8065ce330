package mtl_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

var codes = map[string]mtl.Code{
	"MTL_ERROR_ARGUMENT":    mtl.ErrArgument,
	"MTL_ERROR_INPUT":       mtl.ErrInput,
	"MTL_ERROR_IO":          mtl.ErrIO,
	"MTL_ERROR_BUNDLE":      mtl.ErrBundle,
	"MTL_ERROR_INTEGRITY":   mtl.ErrIntegrity,
	"MTL_ERROR_LIMIT":       mtl.ErrLimit,
	"MTL_ERROR_ENGINE":      mtl.ErrEngine,
	"MTL_ERROR_PROVIDER":    mtl.ErrProvider,
	"MTL_ERROR_CANCELLED":   mtl.ErrCancelled,
	"MTL_ERROR_DEADLINE":    mtl.ErrDeadline,
	"MTL_ERROR_PANIC":       mtl.ErrPanic,
	"MTL_ERROR_POISONED":    mtl.ErrPoisoned,
	"MTL_ERROR_FORKED":      mtl.ErrForked,
	"MTL_ERROR_UNSUPPORTED": mtl.ErrUnsupported,
}

func TestCodesAreTheHeaders(t *testing.T) {
	header, err := os.ReadFile("../../include/mtl.h")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]mtl.Code{}
	for _, found := range regexp.MustCompile(`(?m)^\s*(MTL_ERROR_\w+) = (\d+),`).FindAllStringSubmatch(string(header), -1) {
		number, err := strconv.Atoi(found[2])
		if err != nil {
			t.Fatal(err)
		}
		known[found[1]] = mtl.Code(number)
	}
	if !maps.Equal(known, codes) {
		t.Errorf("the header has %v, this package %v", known, codes)
	}
	for name, code := range codes {
		if code.String() != name || code.Error() != "mtl: "+name {
			t.Errorf("%s is called %q, %q", name, code, code.Error())
		}
	}
	if unknown := mtl.Code(-1).String(); unknown != "MTL_ERROR_UNKNOWN" {
		t.Errorf("%q", unknown)
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("{}")))
	broken, other := bundleOf(t, "{}", digest), bundleOf(t, "{ }", digest)
	for _, c := range []struct {
		path    string
		options []mtl.OpenOption
		code    mtl.Code
		says    string
	}{
		{"no/such/bundle", nil, mtl.ErrIO, "no/such/bundle"},
		{broken, nil, mtl.ErrBundle, broken},
		{other, nil, mtl.ErrIntegrity, other},
		{"\xff", nil, mtl.ErrArgument, "UTF-8"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithEngine("abacus")}, mtl.ErrArgument, "abacus"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithThreads(-1)}, mtl.ErrArgument, "threads"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithKernel("abacus")}, mtl.ErrArgument, "kernel"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithGraph("fused")}, mtl.ErrArgument, "fused graph"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithWordCache(-1)}, mtl.ErrArgument, "word_cache"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.OpenWith("colour", "red")}, mtl.ErrArgument, "colour"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.OpenWith("tasks", "ner")}, mtl.ErrArgument, "tasks"},
		{bundle("mtl-mobile"), []mtl.OpenOption{mtl.WithVectors("nowhere")}, mtl.ErrArgument, "vectors is for a scorer"},
		{bundle("sla-demo"), []mtl.OpenOption{mtl.WithVectors("nowhere")}, mtl.ErrIO, "nowhere"},
	} {
		model, err := mtl.Open(context.Background(), c.path, c.options...)
		if model != nil || !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, %v", c.path, model, err)
		}
	}
	open(t, mtl.WithTrusted(), mtl.WithThreads(0), mtl.WithKernel("generic"), mtl.WithWordCache(0))
}

// bundleOf writes a bundle of a manifest and a digest of it.
func bundleOf(t *testing.T, manifest, digest string) string {
	folder := t.TempDir()
	for name, text := range map[string]string{"bundle.json": manifest, "bundle.sha256": digest + "  bundle.json\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestTagNamesWhatIsWrong(t *testing.T) {
	model := open(t)
	for _, c := range []struct {
		option mtl.TagOption
		says   string
	}{
		{mtl.WithTasks("ner", "nonesuch"), "nonesuch"},
		{mtl.WithTasks("ner", "ner"), "twice"},
		{mtl.WithLanguage("xx"), "xx"},
		{mtl.WithUnit("furlong"), "furlong"},
		{mtl.WithNBest(101), "nbest"},
		{mtl.TagWith("colour", "red"), "colour"},
		{mtl.TagWith("engine", "native"), "engine"},
		{mtl.TagWith("scores", "\xff"), "UTF-8"},
	} {
		documents, err := model.Tag(context.Background(), []string{sentence}, c.option)
		var fault *mtl.Error
		if documents != nil || !errors.Is(err, mtl.ErrArgument) || !errors.As(err, &fault) ||
			!strings.Contains(fault.Fault, c.says) && !strings.Contains(fault.Place, c.says) {
			t.Errorf("%s: %v, %#v", c.says, documents, err)
		}
	}
}

func TestLogger(t *testing.T) {
	var log bytes.Buffer
	defer mtl.SetLogger(nil)
	if err := mtl.SetLogger(slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	tag(t, open(t), []string{"Confidential: Maria Jensen."})
	if text := log.String(); !strings.Contains(text, "level=INFO") || !strings.Contains(text, "opened mtl-mobile") ||
		strings.Contains(text, "Maria") {
		t.Errorf("logged %q", text)
	}
	log.Reset()
	if err := mtl.SetLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		t.Fatal(err)
	}
	open(t)
	if err := mtl.SetLogger(nil); err != nil {
		t.Fatal(err)
	}
	open(t)
	if log.Len() != 0 {
		t.Errorf("logged %q", log.String())
	}
}

func TestVersion(t *testing.T) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(mtl.Version()) {
		t.Errorf("version %q", mtl.Version())
	}
	if !slices.Contains(strings.FieldsFunc(string(mtl.BuildInfo()), func(r rune) bool { return r == '"' }), mtl.Version()) {
		t.Errorf("%s is not of version %s", mtl.BuildInfo(), mtl.Version())
	}
}
