// Command batch tags standard input, a document a line, as a service would: many documents a call, several calls at
// once, an error of one document no error of the others. It prints a JSON object a document, in order.
//
//	batch BUNDLE < lines.txt > tags.jsonl
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

const documentsPerCall = 256

// line is what is printed of a document.
type line struct {
	Language string   `json:"language,omitempty"`
	Names    []name   `json:"names"`
	UPOS     []string `json:"upos"`
	Error    string   `json:"error,omitempty"`
}

type name struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Label string `json:"label"`
	Text  string `json:"text"`
}

// answer is what came of a call.
type answer struct {
	texts     []string
	documents []mtl.Annotation
	err       error
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: batch BUNDLE < lines.txt > tags.jsonl")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bundle string, input io.Reader, output io.Writer) error {
	model, err := mtl.Open(ctx, bundle)
	if err != nil {
		return err
	}
	defer model.Close()

	// Calls run in goroutines of their own; their channels wait in line, as many as processors.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan chan answer, runtime.GOMAXPROCS(0)-1)
	var failed error
	go func() {
		defer close(answers)
		failed = batches(input, func(texts []string) bool {
			one := make(chan answer, 1)
			go func() {
				documents, err := model.Tag(ctx, texts)
				one <- answer{texts, documents, err}
			}()
			select {
			case answers <- one:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	buffered := bufio.NewWriter(output)
	for one := range answers {
		if err := write(buffered, <-one); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	return buffered.Flush()
}

// batches gives the lines of input in portions, until give wants no more.
func batches(input io.Reader, give func([]string) bool) error {
	reader := bufio.NewReader(input)
	var texts []string
	for {
		text, err := reader.ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if text != "" {
			texts = append(texts, strings.TrimRight(text, "\r\n"))
		}
		if len(texts) == documentsPerCall || err == io.EOF && len(texts) > 0 {
			if !give(texts) {
				return nil
			}
			texts = nil
		}
		if err == io.EOF {
			return nil
		}
	}
}

func write(output io.Writer, a answer) error {
	if a.err != nil {
		return a.err
	}
	encoder := json.NewEncoder(output)
	for i, document := range a.documents {
		out := line{Language: document.Language, Names: []name{}, UPOS: document.Task("upos").Labels}
		if document.Err != nil {
			out.Error = document.Err.Error()
		}
		for _, span := range document.Task("ner").Spans {
			out.Names = append(out.Names, name{span.Start, span.End, span.Label, span.Of(a.texts[i])})
		}
		if err := encoder.Encode(out); err != nil {
			return err
		}
	}
	return nil
}
