package mtl

// Annotation is what was found in one document. Those of a call share memory: who keeps one for long keeps all.
type Annotation struct {
	// Err is why the document could not be tagged, an [*Error]; nil where it was.
	Err error
	// Language is the document's, an ISO 639-1 code.
	Language string
	// Tokens are where its tokens stand in the text, in the unit asked for.
	Tokens []Range
	// Sentences are its sentences: Tokens[s.Start:s.End] are the tokens of sentence s.
	Sentences []Range
	// Tags are what each task found, in the model's order: of the tasks asked for, those that know the language. A
	// document without tokens has none.
	Tags []Tags
}

// Task is what the task of this name found; zero where it is not among Tags.
func (a *Annotation) Task(name string) Tags {
	for _, tags := range a.Tags {
		if tags.Task == name {
			return tags
		}
	}
	return Tags{}
}

// Range is a half-open range: of a text, or of tokens.
type Range struct {
	Start, End int
}

// Of is the part of text in the range, whose unit is Bytes.
func (r Range) Of(text string) string {
	return text[r.Start:r.End]
}

// Tags are what one task found in one document.
type Tags struct {
	// Task is its name.
	Task string
	// Labels are the labels of the document's tokens, one each.
	Labels []string
	// Scores are P(label | sentence) of each token, calibrated; nil unless asked for [WithScores].
	Scores []float32
	// Spans are in the order of the text; none where the task's labels are plain.
	Spans []Span
	// Paths are the best paths of each sentence, the best first; nil unless asked for [WithNBest].
	Paths [][]Path
}

// Span is a stretch of text with a label, such as a name.
type Span struct {
	// Range is where it stands in the text, in the unit asked for.
	Range
	// Tokens are its tokens among the document's.
	Tokens Range
	// Label is its label, such as "PER".
	Label string
	// Score is P(labels of its tokens | sentence), calibrated; 0 unless asked for [WithScores].
	Score float32
}

// Path is one way to label a sentence.
type Path struct {
	// Probability is P(all labels | sentence), calibrated.
	Probability float64
	// Labels are the labels of the sentence's tokens.
	Labels []string
}
