package mtl_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built is the example of this name, built against the library that the tests use.
func built(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", program, "./examples/"+name)
	build.Env = append(os.Environ(), "GOEXPERIMENT=") // else Go builds its whole library anew for an experiment
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

func TestExampleTag(t *testing.T) {
	program := built(t, "tag")
	output, err := exec.Command(program, bundle("mtl-mobile"), "It rains.", sentence).Output()
	if err != nil || !strings.Contains(string(output), "24\t34\tLOC\tCopenhagen\n") {
		t.Errorf("%v\n%s", err, output)
	}
	output, err = exec.Command(program, "no/such/bundle", sentence).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "no/such/bundle") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestExampleBatch(t *testing.T) {
	const lines = 1000
	command := exec.Command(built(t, "batch"), bundle("mtl-mobile"))
	command.Stdin = strings.NewReader(strings.Repeat(sentence+"\nbad \xff\r\n", lines/2))
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	if len(printed) != lines {
		t.Fatalf("%d lines of %d", len(printed), lines)
	}
	for i, text := range printed {
		var line struct {
			Language, Error string
			UPOS            []string
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if good := i%2 == 0; (line.Error == "") != good || good != (len(line.UPOS) == 8) || good != (line.Language == "en") {
			t.Fatalf("line %d: %s", i, text)
		}
	}
}

func TestExampleScore(t *testing.T) {
	program := built(t, "score")
	output, err := exec.Command(program, bundle("sla-demo"), "en_es", "ada", "the boy", "the toy").Output()
	lines := strings.Split(string(output), "\n")
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[0], "the\t0.") || !strings.HasSuffix(lines[0], "\tright") ||
		!strings.HasPrefix(lines[1], "boy\t0.") || !strings.HasSuffix(lines[1], "\twrong") {
		t.Errorf("%v\n%s", err, output)
	}
	output, err = exec.Command(program, bundle("mtl-mobile"), "en_es", "ada", "the boy").CombinedOutput()
	if err == nil || !strings.Contains(string(output), "is a tagger") {
		t.Errorf("%v\n%s", err, output)
	}
}
