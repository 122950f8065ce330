package mtl_test

import (
	"context"
	"errors"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

var texts = []string{
	sentence,
	"😀 Maria 👩‍👩‍👧 moved to Zürich 🇨🇭.",
	"e\u0301te\u0301 a\u030a: Ma\u0301rio mora em Sa\u0303o Paulo.",
	"مرحبا בעולם, said Maria in \u202bתל אביב\u202c.",
	"One\x00two. Maria\x00 moved.",
	"First line.\r\nSecond line.\r\n\r\nMaria moved.\r\n",
	"\ufeffMaria\u00a0moved\u2028to\tOslo.",
	"",
	" ",
}

// units are ways to say how long a piece of text is.
var units = map[mtl.Unit]func(string) int{
	mtl.Bytes:      func(s string) int { return len(s) },
	mtl.UTF16:      func(s string) int { return len(utf16.Encode([]rune(s))) },
	mtl.CodePoints: utf8.RuneCountInString,
}

func TestOffsetsInThreeUnits(t *testing.T) {
	model := open(t)
	bytes := tag(t, model, texts, mtl.WithLanguage("en"))
	for unit, length := range units {
		for i, document := range tag(t, model, texts, mtl.WithLanguage("en"), mtl.WithUnit(unit)) {
			if document.Err != nil {
				t.Fatal(document.Err)
			}
			checkOffsets(t, texts[i], bytes[i], document, length)
		}
	}
	if token := bytes[1].Tokens[1]; token != (mtl.Range{Start: 5, End: 10}) {
		t.Errorf("Maria behind an emoji: %v", token)
	}
	if last := bytes[5].Tokens[len(bytes[5].Tokens)-1]; last.Of(texts[5]) != "." || last.End != len(texts[5])-2 {
		t.Errorf("the end before CRLF: %v", last)
	}
}

// checkOffsets fails unless document has the ranges of bytes, in another unit.
func checkOffsets(t *testing.T, text string, bytes, document mtl.Annotation, length func(string) int) {
	t.Helper()
	if len(bytes.Tokens) != len(document.Tokens) {
		t.Fatalf("%q: %d tokens, and %d", text, len(bytes.Tokens), len(document.Tokens))
	}
	end := 0
	for i, token := range bytes.Tokens {
		if token.Start < end || token.End <= token.Start || token.End > len(text) || !utf8.ValidString(token.Of(text)) {
			t.Fatalf("%q: token %d at %v, after %d", text, i, token, end)
		}
		end = token.End
		want := mtl.Range{Start: length(text[:token.Start]), End: length(text[:token.End])}
		if document.Tokens[i] != want {
			t.Errorf("%q: token %d at %v, not %v", text, i, document.Tokens[i], want)
		}
	}
	for _, span := range document.Task("ner").Spans {
		first, last := document.Tokens[span.Tokens.Start], document.Tokens[span.Tokens.End-1]
		if span.Range != (mtl.Range{Start: first.Start, End: last.End}) {
			t.Errorf("%q: %+v begins and ends at %v and %v", text, span, first, last)
		}
	}
}

func FuzzTag(f *testing.F) {
	for _, text := range append(texts, "\xff", "a\xf0\x9f\x98 b", "\xed\xa0\x80") {
		f.Add(text)
	}
	model := open(f)
	f.Fuzz(func(t *testing.T, text string) {
		tagOne := func(options ...mtl.TagOption) mtl.Annotation {
			documents, err := model.Tag(context.Background(), []string{text}, options...)
			if err != nil {
				t.Fatal(err)
			}
			return documents[0]
		}
		bytes := tagOne()
		if !utf8.ValidString(text) {
			replaced := tagOne(mtl.WithReplacedUTF8())
			if !errors.Is(bytes.Err, mtl.ErrInput) || replaced.Err != nil && !errors.Is(replaced.Err, mtl.ErrLimit) {
				t.Fatalf("%q: %v, and replaced %v", text, bytes.Err, replaced.Err)
			}
			for _, token := range replaced.Tokens {
				_ = token.Of(text)
			}
			return
		}
		if bytes.Err != nil {
			if !errors.Is(bytes.Err, mtl.ErrLimit) {
				t.Fatalf("%q: %v", text, bytes.Err)
			}
			return
		}
		for unit, length := range units {
			checkOffsets(t, text, bytes, tagOne(mtl.WithUnit(unit)), length)
		}
	})
}
