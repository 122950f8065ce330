// Command tag prints the names in texts: tag BUNDLE TEXT... prints a line for each, with where it begins and ends (in
// bytes), its label, and its text.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tag BUNDLE TEXT...")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bundle string, texts []string) error {
	model, err := mtl.Open(ctx, bundle)
	if err != nil {
		return err
	}
	defer model.Close()
	documents, err := model.Tag(ctx, texts, mtl.WithTasks("ner"))
	if err != nil {
		return err
	}
	for i, document := range documents {
		if document.Err != nil {
			return fmt.Errorf("text %d: %w", i+1, document.Err)
		}
		for _, span := range document.Task("ner").Spans {
			fmt.Printf("%d\t%d\t%s\t%s\n", span.Start, span.End, span.Label, span.Of(texts[i]))
		}
	}
	return nil
}
