// Command score prints which words of an exercise a learner will get wrong: score BUNDLE TRACK USER SENTENCE [ANSWER]
// prints each word of the sentence with P(mistake), and, once there is an ANSWER, whether the learner got it right or wrong.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: score BUNDLE TRACK USER SENTENCE [ANSWER]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	model, err := mtl.Open(ctx, arguments[0])
	if err != nil {
		return err
	}
	defer model.Close()
	words := strings.Fields(arguments[3])
	exercise := mtl.Exercise{Track: arguments[1], User: arguments[2], Words: words}
	scored, err := model.Score(ctx, []mtl.Exercise{exercise})
	if err != nil {
		return err
	}
	if scored[0].Err != nil {
		return scored[0].Err
	}
	outcomes := make([]string, len(words))
	if len(arguments) > 4 {
		if outcomes, err = compare(ctx, words, arguments[4]); err != nil {
			return err
		}
	}
	for i, word := range words {
		fmt.Printf("%s\t%.3f%s\n", word, scored[0].Mistakes[i], outcomes[i])
	}
	return nil
}

// compare says of each word whether the answer has it.
func compare(ctx context.Context, words []string, answer string) ([]string, error) {
	found, err := mtl.AlignTokens(ctx, []mtl.AnswerTokens{{Correct: words, Typed: strings.Fields(answer)}})
	if err != nil {
		return nil, err
	}
	if found[0].Err != nil {
		return nil, found[0].Err
	}
	outcomes := make([]string, len(words))
	for i, word := range found[0].Words {
		outcomes[i] = "\tright"
		if word.Mistake {
			outcomes[i] = "\twrong"
		}
	}
	return outcomes, nil
}
