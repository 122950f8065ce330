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
