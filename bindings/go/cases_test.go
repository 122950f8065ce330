package mtl_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// The cases of tests/cases, which every language runs.
type testCase struct {
	Name      string
	Options   map[string]string
	Bundle    string
	Documents []caseDocument
	Answers   []caseDocument // where they are, the case is one of Align
	Expect    struct {
		Error     mtl.Code
		Documents []expectation
		Pairs     []pairExpectation
	}
}

type caseDocument struct {
	Text   wtf8
	Repeat int
	Tokens []wtf8
	Hex    string
}

type expectation struct {
	Status    mtl.Code
	Language  string
	Sentences []int // ends
	Tokens    map[mtl.Unit][]pair
	Counts    []int // of sentences and tokens, in place of them all
	Last      map[mtl.Unit][]pair
	Labels    map[string][]string
	Spans     map[string]map[string]json.RawMessage
}

type pairExpectation struct {
	Status        mtl.Code
	WordErrorRate float64 `json:"word_error_rate"`
	Words, Typed  map[mtl.Unit][]pair
	Mistakes      string
	Edits         []string
}

type pair [2]int

// wtf8 is a string of JSON in which a lone surrogate becomes the three bytes that UTF-8 forbids.
type wtf8 string

func (w *wtf8) UnmarshalJSON(quoted []byte) error {
	var out strings.Builder
	for rest := string(quoted[1 : len(quoted)-1]); rest != ""; {
		size := 1
		if rest[0] == '\\' {
			size = 2
		}
		if unit, ok := surrogate(rest); ok {
			size = 6
			if next, ok := surrogate(rest[6:]); ok && utf16.DecodeRune(unit, next) != '\ufffd' {
				out.WriteRune(utf16.DecodeRune(unit, next))
				size = 12
			} else {
				out.Write([]byte{0xe0 | byte(unit>>12), 0x80 | byte(unit>>6)&0x3f, 0x80 | byte(unit)&0x3f})
			}
		} else {
			if strings.HasPrefix(rest, `\u`) {
				size = 6
			}
			var one string
			if err := json.Unmarshal([]byte(`"`+rest[:size]+`"`), &one); err != nil {
				return err
			}
			out.WriteString(one)
		}
		rest = rest[size:]
	}
	*w = wtf8(out.String())
	return nil
}

// surrogate is the surrogate whose escape text begins with.
func surrogate(text string) (rune, bool) {
	if len(text) < 6 || text[:2] != `\u` {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(unit), err == nil && utf16.IsSurrogate(rune(unit))
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("../../tests/cases/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	model := open(t)
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var c testCase
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatalf("%s: %v: %s", name, err, lines.Text())
			}
			t.Run(c.Name, func(t *testing.T) { c.run(t, model) })
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *testCase) run(t *testing.T, model *mtl.Model) {
	if c.Bundle != "" && c.Bundle != model.Digest() {
		t.Fatal("was made for another bundle; run `make cases` and read the difference")
	}
	for _, unit := range []mtl.Unit{mtl.Bytes, mtl.UTF16, mtl.CodePoints} {
		if c.Answers != nil {
			c.runAlign(t, unit)
			continue
		}
		documents, err := c.tag(model, unit)
		if c.Expect.Error != 0 {
			if !errors.Is(err, c.Expect.Error) {
				t.Errorf("%v, not %v", err, c.Expect.Error)
			}
			continue
		}
		if err != nil || len(documents) != len(c.Expect.Documents) {
			t.Fatalf("%v, %d documents of %d", err, len(documents), len(c.Expect.Documents))
		}
		for i := range documents {
			c.Expect.Documents[i].compare(t, i, unit, &documents[i])
		}
	}
}

// tag tags texts in one call and words in another: a document's result does not depend on the others.
func (c *testCase) tag(model *mtl.Model, unit mtl.Unit) ([]mtl.Annotation, error) {
	options := []mtl.TagOption{mtl.WithUnit(unit)}
	for key, value := range c.Options {
		options = append(options, mtl.TagWith(key, value))
	}
	var texts []string
	var sentences [][]string
	for _, document := range c.Documents {
		if document.Tokens != nil {
			sentences = append(sentences, document.tokens())
		} else {
			texts = append(texts, document.text())
		}
	}
	running, err := model.Tag(context.Background(), texts, options...)
	if err != nil {
		return nil, err
	}
	cut, err := model.TagTokens(context.Background(), sentences, options...)
	if err != nil {
		return nil, err
	}
	var documents []mtl.Annotation
	for _, document := range c.Documents {
		from := &running
		if document.Tokens != nil {
			from = &cut
		}
		documents, *from = append(documents, (*from)[0]), (*from)[1:]
	}
	return documents, nil
}

func (d *caseDocument) tokens() []string {
	words := make([]string, len(d.Tokens))
	for i, token := range d.Tokens {
		words[i] = string(token)
	}
	return words
}

func (d *caseDocument) text() string {
	if bytes, _ := hex.DecodeString(d.Hex); len(bytes) > 0 {
		return string(bytes)
	}
	return strings.Repeat(string(d.Text), max(1, d.Repeat))
}

// runAlign aligns the answers of texts, or of words.
func (c *testCase) runAlign(t *testing.T, unit mtl.Unit) {
	options := []mtl.AlignOption{mtl.WithUnit(unit)}
	for key, value := range c.Options {
		options = append(options, mtl.AlignWith(key, value))
	}
	if len(c.Answers) != len(c.Documents) {
		t.Skip("an Answer of Go is a pair: there cannot be other numbers of answers than of sentences")
	}
	var found []mtl.Alignment
	var err error
	if len(c.Documents) > 0 && c.Documents[0].Tokens != nil {
		answers := make([]mtl.AnswerTokens, len(c.Documents))
		for i := range answers {
			answers[i] = mtl.AnswerTokens{Correct: c.Documents[i].tokens(), Typed: c.Answers[i].tokens()}
		}
		found, err = mtl.AlignTokens(context.Background(), answers, options...)
	} else {
		answers := make([]mtl.Answer, len(c.Documents))
		for i := range answers {
			answers[i] = mtl.Answer{Correct: c.Documents[i].text(), Typed: c.Answers[i].text()}
		}
		found, err = mtl.Align(context.Background(), answers, options...)
	}
	if c.Expect.Error != 0 {
		if !errors.Is(err, c.Expect.Error) {
			t.Errorf("%v, not %v", err, c.Expect.Error)
		}
		return
	}
	if err != nil || len(found) != len(c.Expect.Pairs) {
		t.Fatalf("%v, %d alignments of %d", err, len(found), len(c.Expect.Pairs))
	}
	for i := range found {
		c.Expect.Pairs[i].compare(t, i, unit, &found[i])
	}
}

func (want *pairExpectation) compare(t *testing.T, i int, unit mtl.Unit, found *mtl.Alignment) {
	if want.Status != 0 {
		if !errors.Is(found.Err, want.Status) {
			t.Errorf("pair %d: %v, not %v", i, found.Err, want.Status)
		}
		return
	}
	var words, typed []mtl.Range
	var edits []string
	var mistakes strings.Builder
	for _, word := range found.Words {
		words = append(words, word.Range)
		mistakes.WriteString(map[bool]string{true: "1", false: "0"}[word.Mistake])
	}
	for _, edit := range found.Edits {
		name := "MSDI"[edit.Kind : edit.Kind+1]
		if edit.Kind != mtl.Insert {
			name += strconv.Itoa(edit.Word)
		}
		if edit.Kind != mtl.Delete {
			typed = append(typed, edit.Typed)
		}
		edits = append(edits, name)
	}
	if found.Err != nil || mistakes.String() != want.Mistakes || !slices.Equal(edits, want.Edits) ||
		math.Abs(found.WordErrorRate-want.WordErrorRate) > 1e-6 ||
		!slices.Equal(pairs(words), want.Words[unit]) || !slices.Equal(pairs(typed), want.Typed[unit]) {
		t.Errorf("pair %d in %s: %+v, not %+v", i, unit, found, want)
	}
}

func (want *expectation) compare(t *testing.T, i int, unit mtl.Unit, found *mtl.Annotation) {
	if want.Status != 0 {
		if !errors.Is(found.Err, want.Status) {
			t.Errorf("document %d: %v, not %v", i, found.Err, want.Status)
		}
		return
	}
	if found.Err != nil || found.Language != want.Language {
		t.Errorf("document %d: %v, in %s, not %s", i, found.Err, found.Language, want.Language)
		return
	}
	tokens := pairs(found.Tokens)
	if want.Counts != nil {
		counts := []int{len(found.Sentences), len(tokens)}
		if !slices.Equal(counts, want.Counts) || !slices.Equal(tokens[len(tokens)-1:], want.Last[unit]) {
			t.Errorf("document %d: %v and %v", i, counts, tokens[len(tokens)-1])
		}
		return
	}
	ends := make([]int, len(found.Sentences))
	for s, sentence := range found.Sentences {
		ends[s] = sentence.End
	}
	if !slices.Equal(ends, want.Sentences) || !slices.Equal(tokens, want.Tokens[unit]) {
		t.Errorf("document %d in %s: %v, %v, not %v, %v", i, unit, ends, tokens, want.Sentences, want.Tokens[unit])
	}
	for task, labels := range want.Labels {
		tags := found.Task(task)
		got := tags.Labels
		if got == nil {
			got = slices.Repeat([]string{"-"}, len(tokens))
		}
		if !slices.Equal(got, labels) {
			t.Errorf("document %d: %s %q, not %q", i, task, got, labels)
		}
		compareSpans(t, tags.Spans, want.Spans[task], unit)
	}
}

func compareSpans(t *testing.T, found []mtl.Span, want map[string]json.RawMessage, unit mtl.Unit) {
	var labels []string
	var places []pair
	if err := errors.Join(json.Unmarshal(want["labels"], &labels), json.Unmarshal(want[string(unit)], &places)); err != nil {
		t.Fatal(err)
	}
	if len(found) != len(labels) || len(labels) != len(places) {
		t.Fatalf("%v, not %q at %v", found, labels, places)
	}
	for i, span := range found {
		if span.Label != labels[i] || (pair{span.Start, span.End}) != places[i] {
			t.Errorf("%v, not %s at %v", span, labels[i], places[i])
		}
	}
}

func pairs(ranges []mtl.Range) []pair {
	pairs := make([]pair, len(ranges))
	for i, r := range ranges {
		pairs[i] = pair{r.Start, r.End}
	}
	return pairs
}
