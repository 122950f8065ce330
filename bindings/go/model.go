package mtl

// #include <mtl.h>
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"
)

// Model is an opened model: immutable, for any number of goroutines. Close it when it is no longer needed; where that
// is forgotten, the garbage collector frees it, but it does not know how large a model is and may take its time.
type Model struct {
	handle handle[*C.mtl_model]
	facts  *facts
}

// facts are what a model says of itself, copied once.
type facts struct {
	digest           string
	manifest, report json.RawMessage
	languages        []string
	tasks            []task
}

type task struct {
	name                          string
	labels, spanLabels, languages []string
}

// Open opens the bundle at path, a folder or an archive (.mtl), with its model. It reads the bundle whole and checks
// every digest. The context is looked at before the bundle is read and before the engine is opened.
func Open(ctx context.Context, path string, options ...OpenOption) (*Model, error) {
	return open(ctx, options, func(given *C.mtl_options) (*C.mtl_bundle, error) {
		data, length := view(path)
		var bundle *C.mtl_bundle
		var e *C.mtl_error
		err := failure(C.mtl_bundle_open(data, length, given, &bundle, &e), &e)
		return bundle, err
	})
}

// OpenBytes is [Open] for a bundle archive in memory, such as one that the program embeds. The bytes are copied, so
// [WithTrusted] is an ErrArgument.
func OpenBytes(ctx context.Context, archive []byte, options ...OpenOption) (*Model, error) {
	return open(ctx, options, func(given *C.mtl_options) (*C.mtl_bundle, error) {
		if given != nil { // trusted: C would keep a pointer of Go's
			return nil, argument("WithTrusted is for bundles in files", "leave it out, or open the bundle by its path")
		}
		var bundle *C.mtl_bundle
		var e *C.mtl_error
		data, length := unsafe.Pointer(unsafe.SliceData(archive)), C.size_t(len(archive))
		err := failure(C.mtl_bundle_open_memory(data, length, nil, &bundle, &e), &e)
		return bundle, err
	})
}

// OpenFile is [Open] for a bundle archive that is the part of an open file from offset on, of length bytes. The file stays
// the caller's, who may close it afterwards.
func OpenFile(ctx context.Context, file *os.File, offset, length int64, options ...OpenOption) (*Model, error) {
	if offset < 0 || length < 0 {
		return nil, argument(fmt.Sprintf("%d bytes from offset %d on", length, offset), "pass a part of the file")
	}
	connection, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("mtl: %w", err)
	}
	return open(ctx, options, func(given *C.mtl_options) (*C.mtl_bundle, error) {
		var bundle *C.mtl_bundle
		var opened error
		held := connection.Control(func(descriptor uintptr) {
			var e *C.mtl_error
			opened = failure(C.mtl_bundle_open_descriptor(C.int32_t(descriptor), C.uint64_t(offset), C.uint64_t(length),
				given, &bundle, &e), &e)
		})
		if held != nil {
			return nil, fmt.Errorf("mtl: %w", held)
		}
		return bundle, opened
	})
}

func open(ctx context.Context, options []OpenOption, read func(*C.mtl_options) (*C.mtl_bundle, error)) (*Model, error) {
	if err := libraryMatches(); err != nil {
		return nil, err
	}
	var given openOptions
	for _, option := range options {
		option(&given)
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	bundleOptions, err := newOptions(given.bundle)
	if err != nil {
		return nil, err
	}
	defer C.mtl_options_free(bundleOptions)
	bundle, err := read(bundleOptions)
	if err != nil {
		return nil, err
	}
	defer C.mtl_bundle_free(bundle)
	if err := ended(ctx); err != nil {
		return nil, err
	}
	pointer, err := openModel(bundle, &given)
	if err != nil {
		return nil, err
	}
	facts := factsOf(pointer)
	facts.digest = text(func(length *C.size_t) *C.char { return C.mtl_bundle_digest(bundle, length) })
	return newModel(pointer, facts), nil
}

func openModel(bundle *C.mtl_bundle, given *openOptions) (*C.mtl_model, error) {
	options, err := newOptions(given.model)
	if err != nil {
		return nil, err
	}
	defer C.mtl_options_free(options)
	var model *C.mtl_model
	open := func(env *C.mtl_env) error {
		var e *C.mtl_error
		return failure(C.mtl_model_open(bundle, options, env, &model, &e), &e)
	}
	if given.env == nil {
		err = open(nil)
	} else {
		err = given.env.handle.use(open)
	}
	return model, err
}

// newModel owns one reference to the model behind pointer.
func newModel(pointer *C.mtl_model, facts *facts) *Model {
	model := &Model{facts: facts}
	model.handle.own(pointer, release)
	return model
}

func release(pointer *C.mtl_model) {
	C.mtl_model_release(pointer)
}

// reference takes a reference of its own, which the caller releases.
func (m *Model) reference() (pointer *C.mtl_model, err error) {
	err = m.handle.use(func(own *C.mtl_model) error {
		pointer = C.mtl_model_retain(own)
		return nil
	})
	return pointer, err
}

// Retain gives another Model for the same opened model, in no more memory: each is closed by its owner, and the last one
// frees the model.
func (m *Model) Retain() (*Model, error) {
	pointer, err := m.reference()
	if err != nil {
		return nil, err
	}
	return newModel(pointer, m.facts), nil
}

// Close gives the model back. It does not wait: calls that run finish on it, and the last one frees it. Later calls fail
// with [ErrClosed]. It returns nil, and may be called again.
func (m *Model) Close() error {
	m.handle.close()
	return nil
}

// Tasks are the names of the model's tasks, such as "ner".
func (m *Model) Tasks() []string {
	names := make([]string, len(m.facts.tasks))
	for i, task := range m.facts.tasks {
		names[i] = task.name
	}
	return names
}

// Languages are the ISO 639-1 codes of the model's languages.
func (m *Model) Languages() []string {
	return slices.Clone(m.facts.languages)
}

// Labels are the labels that a token can have in a task, such as "B-PER" or "NOUN". An unknown task is an ErrArgument.
func (m *Model) Labels(task string) ([]string, error) {
	t, err := m.facts.task(task)
	return slices.Clone(t.labels), err
}

// SpanLabels are the labels that a span can have in a task, such as "PER"; none where the task makes no spans.
func (m *Model) SpanLabels(task string) ([]string, error) {
	t, err := m.facts.task(task)
	return slices.Clone(t.spanLabels), err
}

// TaskLanguages are the languages that a task was trained on.
func (m *Model) TaskLanguages(task string) ([]string, error) {
	t, err := m.facts.task(task)
	return slices.Clone(t.languages), err
}

// Digest is the SHA-256 of the bundle's manifest, which names every other file's: it identifies the bundle.
func (m *Model) Digest() string {
	return m.facts.digest
}

// Manifest is the bundle's manifest, as docs/bundle-format.md describes it.
func (m *Model) Manifest() json.RawMessage {
	return slices.Clone(m.facts.manifest)
}

// Report says what runs where: engine, version, precision, threads, and the execution providers with reasons.
func (m *Model) Report() json.RawMessage {
	return slices.Clone(m.facts.report)
}

func (f *facts) task(name string) (task, error) {
	for _, task := range f.tasks {
		if task.name == name {
			return task, nil
		}
	}
	names := make([]string, len(f.tasks))
	for i, task := range f.tasks {
		names[i] = task.name
	}
	return task{}, argument(fmt.Sprintf("the model has no task %q", name), "choose among "+strings.Join(names, ", "))
}

func factsOf(model *C.mtl_model) *facts {
	f := &facts{
		manifest: json.RawMessage(text(func(n *C.size_t) *C.char { return C.mtl_model_manifest(model, n) })),
		report:   json.RawMessage(text(func(n *C.size_t) *C.char { return C.mtl_model_report(model, n) })),
		languages: list(C.mtl_model_language_count(model), func(i C.uint32_t, n *C.size_t) *C.char {
			return C.mtl_model_language(model, i, n)
		}),
	}
	for t := range C.mtl_model_task_count(model) {
		task := task{
			name: text(func(n *C.size_t) *C.char { return C.mtl_model_task_name(model, t, n) }),
			labels: list(C.mtl_model_label_count(model, t), func(i C.uint32_t, n *C.size_t) *C.char {
				return C.mtl_model_label(model, t, i, n)
			}),
			spanLabels: list(C.mtl_model_span_label_count(model, t), func(i C.uint32_t, n *C.size_t) *C.char {
				return C.mtl_model_span_label(model, t, i, n)
			}),
		}
		for i, language := range f.languages {
			if C.mtl_model_task_knows(model, t, C.uint32_t(i)) == 1 {
				task.languages = append(task.languages, language)
			}
		}
		f.tasks = append(f.tasks, task)
	}
	return f
}

// list copies strings that are read by their number.
func list(count C.uint32_t, read func(C.uint32_t, *C.size_t) *C.char) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = text(func(length *C.size_t) *C.char { return read(C.uint32_t(i), length) })
	}
	return texts
}

// text copies a string that C lends.
func text(read func(*C.size_t) *C.char) string {
	var length C.size_t
	data := read(&length)
	return C.GoStringN(data, C.int(length))
}
