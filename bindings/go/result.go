package mtl

// #include <mtl.h>
import "C"

import "unsafe"

// column is what C lends. The pointer comes by its address, to be read only where there are elements: that of an empty
// column may point nowhere, and Go's runtime ends a program that has such a pointer on a stack.
func column[T any, N ~uint32](pointer **T, count N) []T {
	if count == 0 {
		return nil
	}
	return unsafe.Slice(*pointer, count)
}

// layout is where documents and sentences lie in the columns of a result.
type layout struct {
	annotations []Annotation
	sentences   []C.uint32_t // of the first sentence of each document, and the end
	tokens      []C.uint32_t // of the first token of each sentence, and the end
}

// bounds are the tokens of a document.
func (l *layout) bounds(document int) (int, int) {
	return int(l.tokens[l.sentences[document]]), int(l.tokens[l.sentences[document+1]])
}

// annotations copies a result into Go's memory, in a number of crossings that does not depend on its size but for a few
// for each document that has an error.
func (f *facts) annotations(result *C.mtl_result) ([]Annotation, error) {
	documents := C.mtl_documents{struct_size: C.sizeof_mtl_documents}
	tokens := C.mtl_tokens{struct_size: C.sizeof_mtl_tokens}
	var e *C.mtl_error
	if err := failure(C.mtl_result_documents(result, &documents, &e), &e); err != nil {
		return nil, err
	}
	if err := failure(C.mtl_result_tokens(result, &tokens, &e), &e); err != nil {
		return nil, err
	}
	l := layout{
		annotations: make([]Annotation, documents.count),
		sentences:   column(&documents.sentences, documents.count+1),
		tokens:      column(&tokens.sentences, tokens.sentence_count+1),
	}
	l.place(len(f.tasks), ranges(column(&tokens.start, tokens.count), column(&tokens.end, tokens.count)))
	language := column(&documents.language, documents.count)
	for i, status := range column(&documents.status, documents.count) {
		if status != 0 {
			l.annotations[i].Err = newError(C.mtl_result_error(result, C.uint32_t(i)))
		} else {
			l.annotations[i].Language = f.languages[language[i]]
		}
	}
	for number := range f.tasks {
		if err := f.tasks[number].read(result, C.uint32_t(number), &l); err != nil {
			return nil, err
		}
	}
	return l.annotations, nil
}

// place gives each document its tokens, its sentences, and room for the tags of so many tasks.
func (l *layout) place(tasks int, tokens []Range) {
	sentences := make([]Range, len(l.tokens)-1)
	tags := make([]Tags, len(l.annotations)*tasks)
	for i := range l.annotations {
		first, end := l.bounds(i)
		from, to := l.sentences[i], l.sentences[i+1]
		for s := from; s < to; s++ {
			sentences[s] = Range{int(l.tokens[s]) - first, int(l.tokens[s+1]) - first}
		}
		l.annotations[i].Tokens = tokens[first:end:end]
		l.annotations[i].Sentences = sentences[from:to:to]
		l.annotations[i].Tags = tags[i*tasks : i*tasks : (i+1)*tasks]
	}
}

// read adds what the task of this number found, if it was asked for.
func (t *task) read(result *C.mtl_result, number C.uint32_t, l *layout) error {
	tags := C.mtl_tags{struct_size: C.sizeof_mtl_tags}
	var e *C.mtl_error
	status := C.mtl_result_tags(result, number, &tags, nil)
	if Code(status) == ErrArgument {
		return nil // not asked for
	}
	if err := failure(status, nil); err != nil {
		return err
	}
	spans := C.mtl_spans{struct_size: C.sizeof_mtl_spans}
	if err := failure(C.mtl_result_spans(result, number, &spans, &e), &e); err != nil {
		return err
	}
	paths := C.mtl_paths{struct_size: C.sizeof_mtl_paths}
	if err := failure(C.mtl_result_paths(result, number, &paths, &e), &e); err != nil {
		return err
	}

	numbers := column(&tags.label, tags.count)
	labels := names(t.labels, numbers)
	scores := floats(&tags.score, tags.count)
	found, ends := t.spans(&spans, l)
	best := t.paths(&paths, len(l.tokens)-1)
	for i := range l.annotations {
		first, end := l.bounds(i)
		if first == end || numbers[first] == C.MTL_NONE {
			continue
		}
		tags := Tags{Task: t.name, Labels: labels[first:end:end], Spans: found[ends[i]:ends[i+1]:ends[i+1]]}
		if scores != nil {
			tags.Scores = scores[first:end:end]
		}
		if best != nil {
			tags.Paths = best[l.sentences[i]:l.sentences[i+1]:l.sentences[i+1]]
		}
		l.annotations[i].Tags = append(l.annotations[i].Tags, tags)
	}
	return nil
}

// spans are those of all documents, and where each document's begin, and the end.
func (t *task) spans(view *C.mtl_spans, l *layout) ([]Span, []int) {
	spans := make([]Span, view.count)
	ends := make([]int, len(l.annotations)+1)
	document := column(&view.document, view.count)
	places := ranges(column(&view.start, view.count), column(&view.end, view.count))
	tokens := ranges(column(&view.first_token, view.count), column(&view.end_token, view.count))
	labels := names(t.spanLabels, column(&view.label, view.count))
	scores := floats(&view.score, view.count)
	for i := range spans {
		first, _ := l.bounds(int(document[i]))
		spans[i] = Span{Range: places[i], Tokens: Range{tokens[i].Start - first, tokens[i].End - first}, Label: labels[i]}
		if scores != nil {
			spans[i].Score = scores[i]
		}
		ends[document[i]+1] = i + 1
	}
	for i := range l.annotations {
		ends[i+1] = max(ends[i], ends[i+1]) // a document without spans ends where the one before does
	}
	return spans, ends
}

// paths are those of each sentence; nil where there are none.
func (t *task) paths(view *C.mtl_paths, sentences int) [][]Path {
	if view.count == 0 {
		return nil
	}
	bounds := column(&view.labels, view.count+1)
	labels := names(t.labels, column(&view.label, bounds[view.count]))
	probability := column(&view.probability, view.count)
	paths := make([][]Path, sentences)
	for i, sentence := range column(&view.sentence, view.count) {
		path := Path{float64(probability[i]), labels[bounds[i]:bounds[i+1]:bounds[i+1]]}
		paths[sentence] = append(paths[sentence], path)
	}
	return paths
}

func ranges(start, end []C.uint32_t) []Range {
	ranges := make([]Range, len(start))
	for i := range ranges {
		ranges[i] = Range{int(start[i]), int(end[i])}
	}
	return ranges
}

// names are the labels of these numbers; "" where there is none.
func names(labels []string, numbers []C.uint32_t) []string {
	names := make([]string, len(numbers))
	for i, number := range numbers {
		if number != C.MTL_NONE {
			names[i] = labels[number]
		}
	}
	return names
}

// floats copies a column that is there only where it was asked for.
func floats(pointer **C.float, count C.uint32_t) []float32 {
	if count == 0 || *pointer == nil {
		return nil
	}
	floats := make([]float32, count)
	for i, value := range column(pointer, count) {
		floats[i] = float32(value)
	}
	return floats
}
