package mtl_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func Example() {
	ctx := context.Background()
	model, err := mtl.Open(ctx, bundle("mtl-mobile"))
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	text := "Maria Jensen moved from Copenhagen to Toronto."
	documents, err := model.Tag(ctx, []string{text}, mtl.WithTasks("ner"))
	if err != nil {
		log.Fatal(err)
	}
	for _, span := range documents[0].Task("ner").Spans {
		if span.Label == "LOC" {
			fmt.Println(span.Start, span.End, span.Of(text))
		}
	}
	// Output:
	// 24 34 Copenhagen
	// 38 45 Toronto
}

func ExampleModel_Tag() {
	model, err := mtl.Open(context.Background(), bundle("mtl-mobile"))
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	documents, err := model.Tag(ctx, []string{"Vi bor i København.", "not \xff UTF-8"})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		log.Fatal("too slow")
	case err != nil:
		log.Fatal(err)
	}
	for _, document := range documents {
		if errors.Is(document.Err, mtl.ErrInput) {
			fmt.Println("malformed:", document.Err.(*mtl.Error).Fault)
			continue
		}
		fmt.Println(document.Language, len(document.Tokens), "tokens")
	}
	// Output:
	// da 5 tokens
	// malformed: not valid UTF-8
}

func ExampleModel_TagTokens() {
	model, err := mtl.Open(context.Background(), bundle("mtl-mobile"))
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	words := []string{"Maria", "Jensen", "moved", "from", "Copenhagen", "to", "Toronto", "."}
	documents, err := model.TagTokens(context.Background(), [][]string{words}, mtl.WithLanguage("en"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(documents[0].Task("ner").Labels[4])
	// Output: S-LOC
}

func ExampleSlot() {
	ctx := context.Background()
	first, err := mtl.Open(ctx, bundle("mtl-mobile"))
	if err != nil {
		log.Fatal(err)
	}
	slot, err := mtl.NewSlot(first)
	if err != nil {
		log.Fatal(err)
	}
	defer slot.Close()
	first.Close() // the slot has a reference of its own

	second, err := mtl.Open(ctx, bundle("mtl-mobile"))
	if err != nil {
		log.Fatal(err)
	}
	if err := slot.Set(second); err != nil { // calls that run finish on the first
		log.Fatal(err)
	}
	second.Close()

	documents, err := slot.Tag(ctx, []string{"Vi bor i København."})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(documents[0].Language)
	// Output: da
}

func ExampleAlign() {
	answers := []mtl.Answer{{Correct: "I love my mother and my father.", Typed: "I love mader and fhader"}}
	found, err := mtl.Align(context.Background(), answers)
	if err != nil {
		log.Fatal(err)
	}
	for _, word := range found[0].Words {
		if word.Mistake {
			fmt.Println(word.Of(answers[0].Correct))
		}
	}
	// Output:
	// my
	// mother
	// my
	// father
}
