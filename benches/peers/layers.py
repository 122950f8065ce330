"""A BiLSTM with its linear layer alone, from rows of features to the best label of each token: libmtl and ONNX Runtime.

The sizes are those of `models/mtl-base` and the lengths those of real sentences; weights and features are random, on
which the time does not depend.
"""

import importlib.metadata
import logging

import libmtl
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

INPUTS, HIDDEN, LABELS = 272, 171, 17


def weights(seed):
    """W, R and B of ONNX's operator LSTM, bidirectional, and a linear layer `[labels, 2 hidden]` with its bias."""
    random = numpy.random.default_rng(seed)
    shapes = {"W": (2, 4 * HIDDEN, INPUTS), "R": (2, 4 * HIDDEN, HIDDEN), "B": (2, 8 * HIDDEN),
              "linear": (LABELS, 2 * HIDDEN), "linear_bias": (LABELS,)}
    return {name: random.uniform(-0.2, 0.2, shape).astype(numpy.float32) for name, shape in shapes.items()}


def features(lengths, seed):
    """Random rows for sentences of these lengths."""
    random = numpy.random.default_rng(seed)
    return [random.uniform(-1, 1, (length, INPUTS)).astype(numpy.float32) for length in lengths]


def graph(weights):
    """The layer as an ONNX model: X [tokens, sentences, INPUTS] and lengths [sentences] to labels [tokens, sentences]."""
    constants = {"W": weights["W"], "R": weights["R"], "B": weights["B"], "M": weights["linear"].T.copy(),
                 "b": weights["linear_bias"], "shape": numpy.array([0, 0, 2 * HIDDEN], numpy.int64)}
    nodes = [helper.make_node("LSTM", ["X", "W", "R", "B", "lengths"], ["Y"], direction="bidirectional", hidden_size=HIDDEN),
             helper.make_node("Transpose", ["Y"], ["T"], perm=[0, 2, 1, 3]),
             helper.make_node("Reshape", ["T", "shape"], ["states"]),
             helper.make_node("MatMul", ["states", "M"], ["scores"]),
             helper.make_node("Add", ["scores", "b"], ["emissions"]),
             helper.make_node("ArgMax", ["emissions"], ["labels"], axis=2, keepdims=0)]
    made = helper.make_graph(
        nodes, "layer", [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["tokens", "sentences", INPUTS]),
                         helper.make_tensor_value_info("lengths", TensorProto.INT32, ["sentences"])],
        [helper.make_tensor_value_info("labels", TensorProto.INT64, ["tokens", "sentences"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


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
        lengths = numpy.array([len(rows) for rows in batch], numpy.int32)
        padded = numpy.zeros((lengths.max(), len(batch), batch[0].shape[1]), numpy.float32)
        for number, rows in enumerate(batch):
            padded[:len(rows), number] = rows
        labels, = self.session.run(None, {"X": padded, "lengths": lengths})
        return [labels[:length, number] for number, length in enumerate(lengths)]


def contenders(library, folder, weights, reference):
    """By name: libmtl as `reference`, and ONNX Runtime, whose graphs go into `folder`."""
    return {reference: libmtl.Layer(library, weights), "ONNX Runtime, fp32": OnnxRuntime(folder, weights, int8=False),
            "ONNX Runtime, int8": OnnxRuntime(folder, weights, int8=True)}


def check(layers, batch):
    """Warms the layers up, and ends the program where one computes something else: int8 may err on a tenth of the labels."""
    found = {name: numpy.concatenate(layer.tag(batch)) for name, layer in layers.items()}
    for name, labels in found.items():
        same = (labels == found["ONNX Runtime, fp32"]).mean()
        if same < (0.9 if "int8" in name else 0.999):
            raise SystemExit(f"{name}: only {same:.1%} of the labels are those of fp32")
