"""A BiLSTM with its linear layer alone, from rows of features to the best label of each token: libmtl, ONNX Runtime, OpenVINO, PyTorch.

The sizes are those of `models/mtl-base` and the lengths those of real sentences; weights and features are random, on
which the time does not depend.
"""

import importlib.metadata
import logging

import libmtl
import numpy
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

try:
    import torch
except ImportError:  # several GB: measured where somebody has installed it
    torch = None

INPUTS, HIDDEN, LABELS = 272, 171, 17


def weights(seed):
    """W, R and B of ONNX's operator LSTM, bidirectional, and a linear layer `[labels, 2 hidden]` with its bias; halves, as a bundle's are."""
    random = numpy.random.default_rng(seed)
    shapes = {"W": (2, 4 * HIDDEN, INPUTS), "R": (2, 4 * HIDDEN, HIDDEN), "B": (2, 8 * HIDDEN),
              "linear": (LABELS, 2 * HIDDEN), "linear_bias": (LABELS,)}
    return {name: random.uniform(-0.2, 0.2, shape).astype(numpy.float16).astype(numpy.float32) for name, shape in shapes.items()}


def features(lengths, seed):
    """Random rows for sentences of these lengths."""
    random = numpy.random.default_rng(seed)
    return [random.uniform(-1, 1, (length, INPUTS)).astype(numpy.float32) for length in lengths]


def graph(weights):
    """The layer as an ONNX model: X [tokens, sentences, inputs] and lengths [sentences] to labels [tokens, sentences]."""
    hidden, inputs = weights["R"].shape[2], weights["W"].shape[2]
    constants = {"W": weights["W"], "R": weights["R"], "B": weights["B"], "M": weights["linear"].T.copy(),
                 "b": weights["linear_bias"], "shape": numpy.array([0, 0, 2 * hidden], numpy.int64)}
    nodes = [helper.make_node("LSTM", ["X", "W", "R", "B", "lengths"], ["Y"], direction="bidirectional", hidden_size=hidden),
             helper.make_node("Transpose", ["Y"], ["T"], perm=[0, 2, 1, 3]),
             helper.make_node("Reshape", ["T", "shape"], ["states"]),
             helper.make_node("MatMul", ["states", "M"], ["scores"]),
             helper.make_node("Add", ["scores", "b"], ["emissions"]),
             helper.make_node("ArgMax", ["emissions"], ["labels"], axis=2, keepdims=0)]
    made = helper.make_graph(
        nodes, "layer", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["tokens", "sentences", inputs]),
                         helper.make_tensor_value_info("lengths", TensorProto.INT32, ["sentences"])],
        [helper.make_tensor_value_info("labels", TensorProto.INT64, ["tokens", "sentences"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def pad_batch(batch, width):
    """The sentences' lengths, and their rows as `[tokens, sentences, width]`, zeros behind their ends."""
    lengths = numpy.array([len(rows) for rows in batch], numpy.int32)
    padded = numpy.zeros((lengths.max(), len(batch), width), numpy.float32)
    for number, rows in enumerate(batch):
        padded[:len(rows), number, :rows.shape[1]] = rows
    return lengths, padded


class OnnxRuntime:
    """The graph on one thread, which does not spin; `int8` quantises its weights dynamically."""

    version = importlib.metadata.version("onnxruntime")

    def __init__(self, folder, weights, int8):
        path = folder / "layer.onnx"
        onnx.save(graph(weights), path)
        if int8:
            full, path = path, folder / "layer-int8.onnx"
            logging.disable()  # advice to infer shapes first, of which this graph has no need
            quantize_dynamic(full, path, weight_type=QuantType.QInt8)
            logging.disable(logging.NOTSET)
            if "DynamicQuantizeLSTM" not in {node.op_type for node in onnx.load(path).graph.node}:
                raise SystemExit("onnxruntime has not quantised the LSTM")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def tag(self, batch):
        lengths, padded = pad_batch(batch, INPUTS)
        labels, = self.session.run(None, {"X": padded, "lengths": lengths})
        return [labels[:length, number] for number, length in enumerate(lengths)]


class OpenVino:
    """The same graph on one thread, in fp32, with inputs and hidden units padded to multiples of 16.

    OpenVINO leaves its fast path at odd sizes. A padded unit has no weights, so that its state stays 0 and nobody reads it.
    """

    version = importlib.metadata.version("openvino")

    def __init__(self, weights):
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        padded = pad(weights, -INPUTS % 16, -HIDDEN % 16)
        self.inputs = padded["W"].shape[2]
        self.request = core.compile_model(core.read_model(graph(padded).SerializeToString()), "CPU", settings).create_infer_request()

    def tag(self, batch):
        lengths, padded = pad_batch(batch, self.inputs)
        labels = self.request.infer({"X": padded, "lengths": lengths}, share_inputs=True)[0]
        return [labels[:length, number].copy() for number, length in enumerate(lengths)]


class PyTorch:
    """`torch.nn.LSTM` and `torch.nn.Linear` on one thread, in fp32.

    Packed where the lengths of a call differ, without which the backward direction would begin in the padding; a call of like
    lengths goes unpacked, which is faster.
    """

    GATES = (0, 2, 3, 1)  # ONNX: input, output, forget, cell; PyTorch: input, forget, cell, output

    def __init__(self, weights):
        torch.set_num_threads(1)
        self.version = torch.__version__.partition("+")[0]
        lstm = torch.nn.LSTM(INPUTS, HIDDEN, bidirectional=True)
        linear = torch.nn.Linear(2 * HIDDEN, LABELS)
        with torch.inference_mode():
            for direction, suffix in enumerate(("", "_reverse")):
                input_bias, recurrent_bias = numpy.split(weights["B"][direction], 2)
                parts = {"weight_ih": weights["W"][direction], "weight_hh": weights["R"][direction], "bias_ih": input_bias, "bias_hh": recurrent_bias}
                for name, value in parts.items():
                    gates = value.reshape(4, HIDDEN, *value.shape[1:])[list(self.GATES)]
                    getattr(lstm, f"{name}_l0{suffix}").copy_(torch.from_numpy(gates.reshape(value.shape)))
            linear.weight.copy_(torch.from_numpy(weights["linear"]))
            linear.bias.copy_(torch.from_numpy(weights["linear_bias"]))
        self.lstm, self.linear = lstm.eval(), linear.eval()

    def tag(self, batch):
        lengths, padded = pad_batch(batch, INPUTS)
        with torch.inference_mode():
            rows = torch.from_numpy(padded)
            if (lengths == lengths[0]).all():
                states, _ = self.lstm(rows)
            else:
                packed = torch.nn.utils.rnn.pack_padded_sequence(rows, torch.from_numpy(lengths).long(), enforce_sorted=False)
                states, _ = torch.nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])
            labels = self.linear(states).argmax(dim=2).numpy()
        return [labels[:length, number] for number, length in enumerate(lengths)]


def pad(weights, inputs, hidden):
    """The same layer with so many more inputs and hidden units, of weight 0."""
    gates = {name: weights[name].reshape(2, -1, HIDDEN, *weights[name].shape[2:]) for name in ("W", "R", "B")}
    more = {"W": ((0, 0), (0, 0), (0, hidden), (0, inputs)), "R": ((0, 0), (0, 0), (0, hidden), (0, hidden)), "B": ((0, 0), (0, 0), (0, hidden))}
    padded = {name: numpy.pad(gates[name], more[name]) for name in gates}
    padded = {name: value.reshape(2, -1, *value.shape[3:]) for name, value in padded.items()}
    linear = numpy.pad(weights["linear"].reshape(LABELS, 2, HIDDEN), ((0, 0), (0, 0), (0, hidden))).reshape(LABELS, -1)
    return {**padded, "linear": linear, "linear_bias": weights["linear_bias"]}


def contenders(library, folder, weights, reference):
    """By name: libmtl as `reference`, ONNX Runtime, whose graphs go into `folder`, OpenVINO, and PyTorch if it is installed."""
    found = {reference: libmtl.Layer(library, weights, libmtl.F16), "libmtl, weights in fp32": libmtl.Layer(library, weights, libmtl.F32), "ONNX Runtime, fp32": OnnxRuntime(folder, weights, int8=False),
             "ONNX Runtime, int8": OnnxRuntime(folder, weights, int8=True), "OpenVINO, fp32": OpenVino(weights)}
    return found | ({"PyTorch, fp32": PyTorch(weights)} if torch else {})


def check(layers, batch):
    """Warms the layers up, and ends the program where one computes something else: int8 may err on a tenth of the labels, our kernels
    for weights in halves on a hundredth, where two labels are near each other."""
    found = {name: numpy.concatenate(layer.tag(batch)) for name, layer in layers.items()}
    # OpenVINO starts the backward direction at a batch's padding, not at a sentence's end: it is right for one sentence a call alone.
    found |= {name: numpy.concatenate([layer.tag([rows])[0] for rows in batch]) for name, layer in layers.items() if isinstance(layer, OpenVino)}
    for name, labels in found.items():
        same = (labels == found["ONNX Runtime, fp32"]).mean()
        if same < (0.9 if "int8" in name else 0.99 if getattr(layers[name], "element", None) == libmtl.F16 else 0.999):
            raise SystemExit(f"{name}: only {same:.1%} of the labels are those of fp32")
