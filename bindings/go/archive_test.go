package mtl_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// archive is a bundle's folder as a ustar archive.
func archive(t *testing.T, folder string) []byte {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.Name(), Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR}
		if err := errors.Join(writer.WriteHeader(header), second(writer.Write(content))); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func second(_ int, err error) error {
	return err
}

func TestOpenBytes(t *testing.T) {
	ctx := context.Background()
	bytes := archive(t, bundle("mtl-mobile"))
	model, err := mtl.OpenBytes(ctx, bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	other := open(t)
	if model.Digest() != other.Digest() {
		t.Errorf("%s, and from a folder %s", model.Digest(), other.Digest())
	}
	clear(bytes) // they were copied
	same(t, tag(t, model, []string{sentence})[0], tag(t, other, []string{sentence})[0])

	for _, broken := range [][]byte{nil, bytes[:512]} {
		if _, err := mtl.OpenBytes(ctx, broken); !errors.Is(err, mtl.ErrBundle) {
			t.Errorf("%d bytes: %v", len(broken), err)
		}
	}
	if _, err := mtl.OpenBytes(ctx, bytes, mtl.WithTrusted()); !errors.Is(err, mtl.ErrArgument) {
		t.Errorf("trusted: %v", err)
	}
}

func TestOpenFile(t *testing.T) {
	ctx := context.Background()
	content := archive(t, bundle("mtl-mobile"))
	path := filepath.Join(t.TempDir(), "assets")
	const before = 4096
	if err := os.WriteFile(path, append(make([]byte, before), append(content, "more"...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var models []*mtl.Model
	for _, options := range [][]mtl.OpenOption{nil, {mtl.WithTrusted()}} {
		model, err := mtl.OpenFile(ctx, file, before, int64(len(content)), options...)
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		models = append(models, model)
	}
	file.Close()
	for _, model := range models {
		same(t, tag(t, model, []string{sentence})[0], tag(t, open(t), []string{sentence})[0])
	}
	if _, err := mtl.OpenFile(ctx, file, before, 1); err == nil {
		t.Error("a closed file is opened")
	}
	if file, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := mtl.OpenFile(ctx, file, -1, 1); !errors.Is(err, mtl.ErrArgument) {
		t.Errorf("a negative offset: %v", err)
	}
	if _, err := mtl.OpenFile(ctx, file, 0, 512); !errors.Is(err, mtl.ErrBundle) {
		t.Errorf("no bundle: %v", err)
	}
}
