package mtl

// #include <mtl.h>
import "C"

import (
	"strconv"
	"strings"
)

// option is one of the C ABI's options, by name.
type option struct {
	key, value string
}

// OpenOption says how a model is opened.
type OpenOption func(*openOptions)

type openOptions struct {
	bundle, model []option
	env           *Env
}

// WithTrusted maps a bundle's file instead of reading it and does not check digests: only for a bundle from inside
// something verified, such as an app's package.
func WithTrusted() OpenOption {
	return func(o *openOptions) { o.bundle = append(o.bundle, option{"trusted", "true"}) }
}

// WithEngine chooses what computes: "native", the default, "onnx", or, in a library that was built with it, "cuda", which was
// not run on a GPU yet.
func WithEngine(name string) OpenOption {
	return OpenWith("engine", name)
}

// WithThreads sets the threads of a call, up to 1024; 0, the default, is the calling thread alone.
func WithThreads(count int) OpenOption {
	return OpenWith("threads", strconv.Itoa(count))
}

// WithKernel forces a kernel of the engine "native", such as "generic", "avx2", "avx512" or "neon"; without it, the fastest of this
// processor computes. With one kernel, results are the same everywhere, bit for bit.
func WithKernel(name string) OpenOption {
	return OpenWith("kernel", name)
}

// WithGraph chooses which of the model's graphs the engine "onnx" runs: "portable", the default, or "fused", for taggers
// that have it: libmtl's own kernels as an operator of ONNX Runtime, on the processor and, in a library with the engine
// "cuda", on the provider "cuda", where it was not run yet.
func WithGraph(name string) OpenOption {
	return OpenWith("graph", name)
}

// WithWordCache lets the engine "native" keep this many KiB of the words that come again, 2048 without it; 0 keeps none.
// Results are the same, bit for bit.
func WithWordCache(kibibytes int) OpenOption {
	return OpenWith("word_cache", strconv.Itoa(kibibytes))
}

// WithONNXRuntime is the path of ONNX Runtime's shared library, for the engine "onnx"; without it, the one beside the
// program or the loader's own.
func WithONNXRuntime(path string) OpenOption {
	return OpenWith("library", path)
}

// WithProviders names ONNX Runtime's execution providers in order, such as "tensorrt?", "cuda?", "cpu": with a question
// mark one is used if it is there, without one it must be.
func WithProviders(names ...string) OpenOption {
	return OpenWith("providers", strings.Join(names, ","))
}

// WithGPU computes on the GPU of this number, for the engine "cuda" and the providers "cuda" and "tensorrt"; without it, on 0.
func WithGPU(number int) OpenOption {
	return OpenWith("gpu_device", strconv.Itoa(number))
}

// WithGPUMemory lets the arena of the provider "cuda" take this many MiB at most.
func WithGPUMemory(mebibytes int) OpenOption {
	return OpenWith("gpu_memory", strconv.Itoa(mebibytes))
}

// WithTensorRTCache is an existing folder in which the provider "tensorrt" keeps the engines that it builds, below the bundle's
// digest, and to which nobody else may write: what cannot be used there is deleted and built anew.
func WithTensorRTCache(folder string) OpenOption {
	return OpenWith("tensorrt_cache", folder)
}

// WithTensorRTFP16 lets the provider "tensorrt" compute in half precision.
func WithTensorRTFP16() OpenOption {
	return OpenWith("tensorrt_fp16", "true")
}

// WithKernelCache is an existing folder in which the engine "cuda", and the fused graph on the provider "cuda", keep the
// kernels that they compile, and to which nobody else may write.
func WithKernelCache(folder string) OpenOption {
	return OpenWith("kernel_cache", folder)
}

// WithVectors is the path of the table of word vectors by sentence, for a scorer that has none of its own. It is mapped:
// nobody may write to it while the model is open.
func WithVectors(path string) OpenOption {
	return OpenWith("vectors", path)
}

// WithTelemetryAccepted takes an ONNX Runtime that may write telemetry.
func WithTelemetryAccepted() OpenOption {
	return OpenWith("accept_telemetry", "true")
}

// WithEnv lets the model's calls use the threads of env. The model keeps them alive: env may be closed.
func WithEnv(env *Env) OpenOption {
	return func(o *openOptions) { o.env = env }
}

// OpenWith sets an option of mtl_model_open by its name, for a libmtl that is newer than this package.
func OpenWith(key, value string) OpenOption {
	return func(o *openOptions) { o.model = append(o.model, option{key, value}) }
}

// TagOption says how documents are tagged.
type TagOption interface{ tagOption() option }

// AlignOption says how answers are aligned.
type AlignOption interface{ alignOption() option }

// ScoreOption says how exercises are scored.
type ScoreOption interface{ scoreOption() option }

// TagOrAlignOption is for [Model.Tag] and for [Align].
type TagOrAlignOption interface {
	TagOption
	AlignOption
}

type (
	tagOption        option
	alignOption      option
	scoreOption      option
	tagOrAlignOption option
)

func (o tagOption) tagOption() option          { return option(o) }
func (o alignOption) alignOption() option      { return option(o) }
func (o scoreOption) scoreOption() option      { return option(o) }
func (o tagOrAlignOption) tagOption() option   { return option(o) }
func (o tagOrAlignOption) alignOption() option { return option(o) }

// Unit is what offsets count.
type Unit string

// The units.
const (
	Bytes      Unit = "bytes"      // UTF-8 bytes, the default.
	UTF16      Unit = "utf16"      // UTF-16 units, as JavaScript and Java count.
	CodePoints Unit = "codepoints" // Unicode code points, as runes count.
)

// WithTasks runs these tasks only; without it, all of the model's.
func WithTasks(names ...string) TagOption {
	return TagWith("tasks", strings.Join(names, ","))
}

// WithLanguage is the language of every document, an ISO 639-1 code; without it, each one's is detected.
func WithLanguage(code string) TagOption {
	return TagWith("language", code)
}

// WithUnit chooses what offsets count.
func WithUnit(unit Unit) TagOrAlignOption {
	return tagOrAlignOption{"unit", string(unit)}
}

// WithReplacedUTF8 reads U+FFFD for bytes that are not UTF-8; without it, such a document has an error. Offsets in bytes
// still count those that were given.
func WithReplacedUTF8() TagOrAlignOption {
	return tagOrAlignOption{"invalid_utf8", "replace"}
}

// WithScores computes calibrated probabilities of labels and spans.
func WithScores() TagOption {
	return TagWith("scores", "true")
}

// WithNBest computes up to count best paths a sentence, at most 100.
func WithNBest(count int) TagOption {
	return TagWith("nbest", strconv.Itoa(count))
}

// WithZeroShot tags languages that a task was not trained on.
func WithZeroShot() TagOption {
	return TagWith("zero_shot", "true")
}

// TagWith sets an option of mtl_tag by its name, for a libmtl that is newer than this package.
func TagWith(key, value string) TagOption {
	return tagOption{key, value}
}

// WithCase makes upper and lower case count: Yes is not yes.
func WithCase() AlignOption {
	return AlignWith("case", "true")
}

// WithPunctuation makes punctuation count: well-known is not wellknown, and a missing full stop is a mistake.
func WithPunctuation() AlignOption {
	return AlignWith("punctuation", "true")
}

// WithAccents makes accents count: sí is not si.
func WithAccents() AlignOption {
	return AlignWith("accents", "true")
}

// AlignWith sets an option of mtl_align by its name, for a libmtl that is newer than this package.
func AlignWith(key, value string) AlignOption {
	return alignOption{key, value}
}

// WithCalibration makes probabilities as large as mistakes are frequent. Without it they are as the model was trained, which
// gives mistakes more weight: 0.5 parts right from wrong best.
func WithCalibration() ScoreOption {
	return ScoreWith("calibrated", "true")
}

// ScoreWith sets an option of mtl_score by its name, for a libmtl that is newer than this package.
func ScoreWith(key, value string) ScoreOption {
	return scoreOption{key, value}
}

// options are the given ones as C takes them.
func options[T any](given []T, of func(T) option) []option {
	all := make([]option, len(given))
	for i := range given {
		all[i] = of(given[i])
	}
	return all
}

// newOptions makes the C object, which the caller frees; nil where there are none.
func newOptions(given []option) (*C.mtl_options, error) {
	if len(given) == 0 {
		return nil, nil
	}
	var options *C.mtl_options
	var e *C.mtl_error
	if err := failure(C.mtl_options_new(&options, &e), &e); err != nil {
		return nil, err
	}
	for _, option := range given {
		key, keyLength := view(option.key)
		value, valueLength := view(option.value)
		status := C.mtl_options_set(options, key, keyLength, value, valueLength, &e)
		if err := failure(status, &e); err != nil {
			C.mtl_options_free(options)
			return nil, err
		}
	}
	return options, nil
}
