package mtl_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

// BenchmarkTag tags 1, 32 and 1,024 sentences a call, on the caller's thread: models/demo.txt's 16 sentences over and
// over, each a document, language detected, all tasks, default options. MTL_BENCH_MODEL names the model, mtl-base
// without it.
func BenchmarkTag(b *testing.B) {
	name := os.Getenv("MTL_BENCH_MODEL")
	if name == "" {
		name = "mtl-base"
	}
	model, err := mtl.Open(context.Background(), bundle(name))
	if err != nil {
		b.Fatal(err)
	}
	defer model.Close()
	demo := demoSentences(b, model)
	for _, count := range []int{1, 32, 1024} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			texts := make([]string, count)
			for i := range texts {
				texts[i] = demo[i%len(demo)]
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := model.Tag(context.Background(), texts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*count)/b.Elapsed().Seconds(), "sentences/s")
		})
	}
}

// demoSentences cuts models/demo.txt into its sentences.
func demoSentences(b *testing.B, model *mtl.Model) []string {
	demo, err := os.ReadFile("../../models/demo.txt")
	if err != nil {
		b.Fatal(err)
	}
	var sentences []string
	paragraphs := strings.Split(string(demo), "\n\n")
	for i, document := range tag(b, model, paragraphs) {
		for _, sentence := range document.Sentences {
			place := mtl.Range{Start: document.Tokens[sentence.Start].Start, End: document.Tokens[sentence.End-1].End}
			sentences = append(sentences, place.Of(paragraphs[i]))
		}
	}
	return sentences
}
