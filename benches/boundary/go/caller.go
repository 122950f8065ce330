// Command caller calls the library through bindings/go. README.md says what every caller does.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"

	mtl "github.com/libmtl/libmtl/bindings/go"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: caller BUNDLE TEXTS")
	}
	model, err := mtl.Open(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	file, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	texts := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	var count, calls int
	for {
		if _, err := fmt.Scan(&count, &calls); err != nil {
			return
		}
		begun, sum := cpuTime(), uint64(0)
		for call := range calls {
			first := call * count % len(texts)
			sum += tag(model, texts[first:first+count])
		}
		fmt.Println(cpuTime()-begun, sum)
	}
}

func tag(model *mtl.Model, texts []string) uint64 {
	annotations, err := model.Tag(context.Background(), texts)
	if err != nil {
		log.Fatal(err)
	}
	var sum uint64
	for i := range annotations {
		sum += read(&annotations[i])
	}
	return sum
}

func read(annotation *mtl.Annotation) uint64 {
	if annotation.Err != nil {
		log.Fatal(annotation.Err)
	}
	sum := 0
	for _, token := range annotation.Tokens {
		sum += token.Start + token.End
	}
	for _, tags := range annotation.Tags {
		for _, label := range tags.Labels {
			sum += len(label)
		}
		for _, span := range tags.Spans {
			sum += span.Start + span.End + len(span.Label)
		}
	}
	return uint64(sum)
}

func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
