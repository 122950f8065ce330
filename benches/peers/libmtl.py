"""libmtl through its C library, by ctypes: what include/mtl.h declares, as far as the measurements need it."""

import array
import ctypes
import itertools
import json

import numpy

F32 = 1  # MTL_F32
F16 = 2  # MTL_F16


class Library:
    """The C library at a path."""

    def __init__(self, path):
        self.mtl = ctypes.CDLL(str(path))
        for function in ("mtl_error_message", "mtl_model_label", "mtl_model_report"):
            getattr(self.mtl, function).restype = ctypes.c_void_p

    def call(self, function, *arguments):
        """Calls what can fail; a failure ends the program."""
        error = ctypes.c_void_p()
        if getattr(self.mtl, function)(*arguments, ctypes.byref(error)):
            raise SystemExit(f"{function}: {ctypes.string_at(self.mtl.mtl_error_message(error, None)).decode()}")

    def make(self, function, *arguments):
        """The object that a function gives."""
        made = ctypes.c_void_p()
        self.call(function, *arguments, ctypes.byref(made))
        return made


class Tags(ctypes.Structure):
    """`mtl_tags` of mtl.h."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("count", ctypes.c_uint32),
                ("label", ctypes.POINTER(ctypes.c_uint32)), ("score", ctypes.c_void_p)]


class Tagger(Library):
    """A bundle through the C library at `library`; `options` are those of `mtl_model_open`."""

    def __init__(self, library, bundle, options):
        super().__init__(library)
        path = str(bundle).encode()
        opened = self.make("mtl_bundle_open", path, ctypes.c_size_t(len(path)), None)
        self.model = self.make("mtl_model_open", opened, self.options(options), None)
        self.mtl.mtl_bundle_free(opened)
        task = ctypes.c_uint32()
        self.call("mtl_model_task_find", self.model, b"upos", ctypes.c_size_t(4), ctypes.byref(task))
        self.task = task.value
        count = self.mtl.mtl_model_label_count(self.model, task)
        self.labels = [self.text("mtl_model_label", task, ctypes.c_uint32(label)) for label in range(count)]
        self.report = json.loads(self.text("mtl_model_report"))
        self.version = self.report["version"]
        self.settings = f"{bundle.name}, engine {self.report['engine']}, {self.report['precision']}"
        self.tagging = self.options({"tasks": "upos", "language": "en"})
        self.batch = self.make("mtl_batch_new")

    def text(self, function, *arguments):
        length = ctypes.c_size_t()
        return ctypes.string_at(getattr(self.mtl, function)(self.model, *arguments, ctypes.byref(length)), length.value).decode()

    def options(self, pairs):
        options = self.make("mtl_options_new")
        for key, value in pairs.items():
            key, value = key.encode(), str(value).encode()
            self.call("mtl_options_set", options, key, ctypes.c_size_t(len(key)), value, ctypes.c_size_t(len(value)))
        return options

    def tag(self, batch):
        words = [token.encode() for tokens in batch for token in tokens]
        text = b"".join(words)
        ends = array.array("Q", itertools.accumulate(map(len, words), initial=0))
        documents = list(itertools.accumulate(map(len, batch), initial=0))
        starts = array.array("Q", documents)
        self.call("mtl_batch_clear", self.batch)
        self.call("mtl_batch_add_tokens_packed", self.batch, text, ctypes.c_size_t(len(text)),
                  ctypes.c_void_p(ends.buffer_info()[0]), ctypes.c_size_t(len(words)),
                  ctypes.c_void_p(starts.buffer_info()[0]), ctypes.c_size_t(len(batch)))
        result = self.make("mtl_tag", self.model, self.batch, self.tagging, None)
        tags = Tags(ctypes.sizeof(Tags))
        self.call("mtl_result_tags", result, ctypes.c_uint32(self.task), ctypes.byref(tags))
        if tags.count != len(words):
            raise SystemExit(f"libmtl: {tags.count} labels for {len(words)} words")
        labels = [self.labels[number] for number in tags.label[:tags.count]]
        self.mtl.mtl_result_free(result)
        return [labels[start:end] for start, end in itertools.pairwise(documents)]


class Sequences(ctypes.Structure):
    """`mtl_sequences` of mtl.h."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("element", ctypes.c_uint32), ("data", ctypes.c_void_p),
                ("data_count", ctypes.c_size_t), ("sentence_stride", ctypes.c_size_t), ("token_stride", ctypes.c_size_t),
                ("sentences", ctypes.c_uint32), ("lengths", ctypes.c_void_p)]


class Crf(ctypes.Structure):
    """`mtl_crf` of mtl.h."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("labels", ctypes.c_uint32), ("start", ctypes.c_void_p),
                ("end", ctypes.c_void_p), ("transitions", ctypes.c_void_p)]


class BiLstm(ctypes.Structure):
    """`mtl_bilstm` of mtl.h."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("element", ctypes.c_uint32), ("inputs", ctypes.c_uint32),
                ("hidden", ctypes.c_uint32), *((name, ctypes.c_void_p) for name in ("input", "recurrent", "bias", "output", "output_bias"))]


class Layer(Library):
    """A BiLSTM with its linear layer and a CRF that prefers nothing; `weights` are those of `layers.weights`, given as `element`."""

    def __init__(self, library, weights, element):
        super().__init__(library)
        self.element = element
        kind = numpy.float16 if element == F16 else numpy.float32
        weights = {name: numpy.ascontiguousarray(value, kind) for name, value in weights.items()}
        number = self.mtl.mtl_version()
        self.version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
        hidden, labels = weights["R"].shape[2], len(weights["linear_bias"])
        zeros = numpy.zeros(labels * labels, numpy.float32)
        crf = Crf(ctypes.sizeof(Crf), labels, zeros.ctypes.data, zeros.ctypes.data, zeros.ctypes.data)
        names = ("W", "R", "B", "linear", "linear_bias")
        lstm = BiLstm(ctypes.sizeof(BiLstm), element, weights["W"].shape[2], hidden, *(weights[name].ctypes.data for name in names))
        self.network = self.make("mtl_bilstm_crf_new", ctypes.byref(lstm), ctypes.byref(crf))

    def tag(self, batch):
        lengths = numpy.array([len(rows) for rows in batch], numpy.uint32)
        padded = numpy.zeros((len(batch), lengths.max(), batch[0].shape[1]), numpy.float32)
        for number, rows in enumerate(batch):
            padded[number, :len(rows)] = rows
        features = Sequences(ctypes.sizeof(Sequences), F32, padded.ctypes.data, padded.size, padded[0].size, padded.shape[2],
                             len(batch), lengths.ctypes.data)
        labels = numpy.empty(int(lengths.sum()), numpy.uint32)
        self.call("mtl_bilstm_crf_decode", self.network, ctypes.byref(features), None,
                  ctypes.c_void_p(labels.ctypes.data), ctypes.c_size_t(labels.size), None)
        ends = numpy.cumsum(lengths)
        return [labels[end - length:end] for end, length in zip(ends, lengths, strict=True)]
