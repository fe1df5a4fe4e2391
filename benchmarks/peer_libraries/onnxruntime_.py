"""The article's inference on ONNX Runtime; it does not train."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ..workloads import SHAPES, Workload

_threads = 1


def setup(threads: int, variant: str) -> None:
    global _threads
    _threads = threads


def article(data: dict[str, Any], batch: int) -> onnx.ModelProto:
    """Build the article's network in ONNX's layout, images (N, C, H, W)."""
    weights = []
    for name in SHAPES:
        a = data[name]
        if a.ndim == 4:
            a = a.transpose(3, 2, 0, 1)
        if name == "dense1.w":  # rows in the order in which ONNX flattens
            a = a.reshape(30, 30, 64, 64).transpose(2, 0, 1, 3).reshape(57600, 64)
        weights.append(numpy_helper.from_array(np.ascontiguousarray(a), name))
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "conv1.w", "conv1.b"], ["z1"]),
        helper.make_node("Relu", ["z1"], ["a1"]),
        helper.make_node("MaxPool", ["a1"], ["p1"], **pool),
        helper.make_node("Conv", ["p1", "conv2.w", "conv2.b"], ["z2"]),
        helper.make_node("Relu", ["z2"], ["a2"]),
        helper.make_node("MaxPool", ["a2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["f"]),
        helper.make_node("Gemm", ["f", "dense1.w", "dense1.b"], ["z3"]),
        helper.make_node("Relu", ["z3"], ["a3"]),
        helper.make_node("Gemm", ["a3", "dense2.w", "dense2.b"], ["logits"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 128, 128])
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 2])
    graph = helper.make_graph(nodes, "article", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Predict:
    def __init__(self, data: dict[str, Any]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads
        options.inter_op_num_threads = 1
        model = article(data, len(data["x"])).SerializeToString()
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.feed = {"x": np.ascontiguousarray(data["x"].transpose(0, 3, 1, 2))}

    def outputs(self) -> dict[str, Any]:
        return {"logits": self.session.run(None, self.feed)[0]}

    def run(self) -> None:
        self.session.run(None, self.feed)


def make(w: Workload, data: dict[str, Any], variant: str) -> Any:
    return Predict(data) if w.kind == "predict" else None
