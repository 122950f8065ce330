package mtl

// #include <mtl.h>
import "C"

import (
	"context"
)

// Answer is what a learner typed, and what is right.
type Answer struct {
	// Correct is the right sentence.
	Correct string
	// Typed is the learner's.
	Typed string
}

// AnswerTokens is an [Answer] whose words somebody else has cut.
type AnswerTokens struct {
	Correct, Typed []string
}

// Alignment is which words of a right sentence a learner got wrong.
type Alignment struct {
	// Err is why the answer could not be aligned, an [*Error]; nil where it was.
	Err error
	// Words are those of the right sentence.
	Words []Word
	// Edits are the fewest that make the answer of the right sentence, in the order of the text. Words of which the
	// options leave nothing, such as full stops, take no part.
	Edits []Edit
	// WordErrorRate is (substitutions + deletions + insertions) / words that take part; it may exceed 1.
	WordErrorRate float64
}

// Word is a word of a right sentence.
type Word struct {
	// Range is where it stands there, in the unit asked for.
	Range
	// Mistake is whether the learner got it wrong.
	Mistake bool
}

// EditKind is what a learner did to a word.
type EditKind uint8

// The kinds of edit.
const (
	Match      EditKind = C.MTL_EDIT_MATCH      // The learner wrote it.
	Substitute EditKind = C.MTL_EDIT_SUBSTITUTE // The learner wrote another.
	Delete     EditKind = C.MTL_EDIT_DELETE     // The learner left it out.
	Insert     EditKind = C.MTL_EDIT_INSERT     // The learner wrote one too many.
)

// Edit is a step from the right sentence to the answer.
type Edit struct {
	Kind EditKind
	// Word is the number of the right sentence's word; -1 for an insertion.
	Word int
	// Typed is where the answer's word stands in it, in the unit asked for; zero for a deletion.
	Typed Range
}

// Align compares each answer with its right sentence, and gives one [Alignment] for each, in order; an answer that is at
// fault has an error of its own there. It needs no model. Align itself fails with ErrArgument for an unknown option, with
// ErrCancelled or ErrDeadline when ctx ends.
func Align(ctx context.Context, answers []Answer, options ...AlignOption) ([]Alignment, error) {
	correct := texts(answers, func(a *Answer) string { return a.Correct })
	typed := texts(answers, func(a *Answer) string { return a.Typed })
	return align(ctx, options,
		func(batch *C.mtl_batch) error { return addTexts(batch, correct) },
		func(batch *C.mtl_batch) error { return addTexts(batch, typed) })
}

// AlignTokens is [Align] for sentences whose words somebody else has cut. Offsets count in the words' concatenation.
func AlignTokens(ctx context.Context, answers []AnswerTokens, options ...AlignOption) ([]Alignment, error) {
	correct := texts(answers, func(a *AnswerTokens) []string { return a.Correct })
	typed := texts(answers, func(a *AnswerTokens) []string { return a.Typed })
	return align(ctx, options,
		func(batch *C.mtl_batch) error { return addTokens(batch, correct) },
		func(batch *C.mtl_batch) error { return addTokens(batch, typed) })
}

func align(ctx context.Context, given []AlignOption, fillCorrect, fillTyped func(*C.mtl_batch) error) ([]Alignment, error) {
	if err := libraryMatches(); err != nil {
		return nil, err
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	options, err := newOptions(options(given, AlignOption.alignOption))
	if err != nil {
		return nil, err
	}
	defer C.mtl_options_free(options)
	correct, err := newBatch(fillCorrect)
	if err != nil {
		return nil, err
	}
	defer C.mtl_batch_free(correct)
	typed, err := newBatch(fillTyped)
	if err != nil {
		return nil, err
	}
	defer C.mtl_batch_free(typed)

	var alignment *C.mtl_alignment
	err = call(ctx, func(cancel *C.mtl_cancel, e **C.mtl_error) C.mtl_status {
		return C.mtl_align(correct, typed, options, cancel, &alignment, e)
	})
	if err != nil {
		return nil, err
	}
	defer C.mtl_alignment_free(alignment)
	return alignments(alignment)
}

// texts are one side of each answer.
func texts[T, S any](elements []T, of func(*T) S) []S {
	all := make([]S, len(elements))
	for i := range elements {
		all[i] = of(&elements[i])
	}
	return all
}

// alignments copies what C found into Go's memory.
func alignments(from *C.mtl_alignment) ([]Alignment, error) {
	pairs := C.mtl_pairs{struct_size: C.sizeof_mtl_pairs}
	words := C.mtl_words{struct_size: C.sizeof_mtl_words}
	edits := C.mtl_edits{struct_size: C.sizeof_mtl_edits}
	var e *C.mtl_error
	if err := failure(C.mtl_alignment_pairs(from, &pairs, &e), &e); err != nil {
		return nil, err
	}
	if err := failure(C.mtl_alignment_words(from, &words, &e), &e); err != nil {
		return nil, err
	}
	if err := failure(C.mtl_alignment_edits(from, &edits, &e), &e); err != nil {
		return nil, err
	}
	allWords := wordsOf(&words)
	firstWord, firstEdit := column(&pairs.words, pairs.count+1), column(&pairs.edits, pairs.count+1)
	allEdits := editsOf(&edits)
	all := make([]Alignment, pairs.count)
	rates := column(&pairs.word_error_rate, pairs.count)
	for i, status := range column(&pairs.status, pairs.count) {
		if status != 0 {
			all[i].Err = newError(C.mtl_alignment_error(from, C.uint32_t(i)))
			continue
		}
		all[i].WordErrorRate = float64(rates[i])
		all[i].Words = allWords[firstWord[i]:firstWord[i+1]:firstWord[i+1]]
		all[i].Edits = allEdits[firstEdit[i]:firstEdit[i+1]:firstEdit[i+1]]
		for k := range all[i].Edits {
			if edit := &all[i].Edits[k]; edit.Word >= 0 {
				edit.Word -= int(firstWord[i])
			}
		}
	}
	return all, nil
}

func wordsOf(words *C.mtl_words) []Word {
	all := make([]Word, words.count)
	mistakes := column(&words.mistake, words.count)
	for i, place := range ranges(column(&words.start, words.count), column(&words.end, words.count)) {
		all[i] = Word{place, mistakes[i] != 0}
	}
	return all
}

// editsOf are the edits of all answers, their words numbered through.
func editsOf(edits *C.mtl_edits) []Edit {
	all := make([]Edit, edits.count)
	kinds, words := column(&edits.kind, edits.count), column(&edits.word, edits.count)
	for i, place := range ranges(column(&edits.start, edits.count), column(&edits.end, edits.count)) {
		all[i] = Edit{EditKind(kinds[i]), int(words[i]), place}
		switch all[i].Kind {
		case Insert:
			all[i].Word = -1
		case Delete:
			all[i].Typed = Range{}
		}
	}
	return all
}
