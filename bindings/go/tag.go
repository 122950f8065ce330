package mtl

// #include <mtl.h>
import "C"

import (
	"context"
	"errors"
	"unsafe"
)

// Tag tags texts, each a document of running text in UTF-8. It gives one [Annotation] for each, in order; a text that
// is at fault has an error of its own there, and does not disturb the others. Tag itself fails with ErrArgument for an
// unknown task, language or option, with ErrCancelled or ErrDeadline when ctx ends, with ErrClosed after Close.
func (m *Model) Tag(ctx context.Context, texts []string, options ...TagOption) ([]Annotation, error) {
	return m.tag(ctx, options, func(batch *C.mtl_batch) error { return addTexts(batch, texts) })
}

// TagTokens is [Model.Tag] for documents whose words somebody else has cut, each one sentence. Offsets count in the
// words' concatenation.
func (m *Model) TagTokens(ctx context.Context, sentences [][]string, options ...TagOption) ([]Annotation, error) {
	return m.tag(ctx, options, func(batch *C.mtl_batch) error { return addTokens(batch, sentences) })
}

func (m *Model) tag(ctx context.Context, given []TagOption, fill func(*C.mtl_batch) error) ([]Annotation, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	model, err := m.reference()
	if err != nil {
		return nil, err
	}
	defer release(model)

	options, err := newOptions(options(given, TagOption.tagOption))
	if err != nil {
		return nil, err
	}
	defer C.mtl_options_free(options)
	batch, err := newBatch(fill)
	if err != nil {
		return nil, err
	}
	defer C.mtl_batch_free(batch)

	var result *C.mtl_result
	err = call(ctx, func(cancel *C.mtl_cancel, e **C.mtl_error) C.mtl_status {
		return C.mtl_tag(model, batch, options, cancel, &result, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.mtl_result_free(result)
	return m.facts.annotations(result)
}

// newBatch makes a batch, which the caller frees.
func newBatch(fill func(*C.mtl_batch) error) (*C.mtl_batch, error) {
	var batch *C.mtl_batch
	var e *C.mtl_error
	if err := failure(C.mtl_batch_new(&batch, &e), &e); err != nil {
		return nil, err
	}
	if err := fill(batch); err != nil {
		C.mtl_batch_free(batch)
		return nil, err
	}
	return batch, nil
}

// call makes a call of C's that ends when ctx does.
func call(ctx context.Context, f func(*C.mtl_cancel, **C.mtl_error) C.mtl_status) error {
	cancel, unwatch, err := watch(ctx)
	if err != nil {
		return err
	}
	defer unwatch()
	var e *C.mtl_error
	err = failure(f(cancel, &e), &e)
	if errors.Is(err, ErrCancelled) {
		return ended(ctx)
	}
	return err
}

// watch makes a token that fires when ctx ends; none for a context that cannot. The context's own clock decides about
// its deadline, so that the token and the context never disagree.
func watch(ctx context.Context) (*C.mtl_cancel, func(), error) {
	if ctx.Done() == nil {
		return nil, func() {}, nil
	}
	var token *C.mtl_cancel
	var e *C.mtl_error
	if err := failure(C.mtl_cancel_new(-1, &token, &e), &e); err != nil {
		return nil, nil, err
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		C.mtl_cancel_fire(token, nil)
		close(fired)
	})
	return token, func() {
		if !stop() {
			<-fired
		}
		C.mtl_cancel_free(token)
	}, nil
}

// packed is strings one behind the other, and where each begins, and the end.
type packed struct {
	data    []byte
	offsets []C.uint64_t
}

func newPacked(strings, bytes int) *packed {
	return &packed{make([]byte, 0, bytes), append(make([]C.uint64_t, 0, strings+1), 0)}
}

func (p *packed) add(text string) {
	p.data = append(p.data, text...)
	p.offsets = append(p.offsets, C.uint64_t(len(p.data)))
}

func (p *packed) bytes() (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(p.data))), C.size_t(len(p.data))
}

func addTexts(batch *C.mtl_batch, texts []string) error {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	all := newPacked(len(texts), bytes)
	for _, text := range texts {
		all.add(text)
	}
	data, length := all.bytes()
	var e *C.mtl_error
	return failure(C.mtl_batch_add_texts_packed(batch, data, length, &all.offsets[0], C.size_t(len(texts)), &e), &e)
}

func addTokens(batch *C.mtl_batch, sentences [][]string) error {
	tokens, bytes := 0, 0
	for _, sentence := range sentences {
		tokens += len(sentence)
		for _, token := range sentence {
			bytes += len(token)
		}
	}
	all := newPacked(tokens, bytes)
	documents := append(make([]C.uint64_t, 0, len(sentences)+1), 0)
	for _, sentence := range sentences {
		for _, token := range sentence {
			all.add(token)
		}
		documents = append(documents, C.uint64_t(len(all.offsets)-1))
	}
	data, length := all.bytes()
	var e *C.mtl_error
	return failure(C.mtl_batch_add_tokens_packed(batch, data, length, &all.offsets[0], C.size_t(tokens),
		&documents[0], C.size_t(len(sentences)), &e), &e)
}
