"""The workloads on PyTorch, in its contiguous or its channels-last layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..workloads import JOB_EPOCHS, LEARNING_RATE, SHAPES, Workload


def setup(threads: int, variant: str) -> None:
    torch.set_num_threads(threads)


def tensor(array: Any, last: bool) -> torch.Tensor:
    """Return a tensor; an image batch or a filter bank goes to PyTorch's order of axes."""
    t = torch.tensor(array)
    if t.ndim == 4:
        t = t.permute(0, 3, 1, 2)
        t = t.contiguous(memory_format=torch.channels_last) if last else t.contiguous()
    return t


def filters(array: Any, last: bool) -> torch.Tensor:
    t = torch.tensor(array).permute(3, 2, 0, 1)
    return t.contiguous(memory_format=torch.channels_last) if last else t.contiguous()


class Article:
    def __init__(self, data: dict[str, Any], last: bool) -> None:
        self.last = last
        self.p = {}
        for name in SHAPES:
            a = data[name]
            if name == "dense1.w":  # rows in the order in which PyTorch flattens
                a = a.reshape(30, 30, 64, 64).transpose(2, 0, 1, 3).reshape(57600, 64)
            if name.endswith("w") and a.ndim == 2:
                a = np.ascontiguousarray(a.T)
            self.p[name] = filters(a, last) if a.ndim == 4 else torch.tensor(a)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = self.p
        x = F.max_pool2d(torch.relu(F.conv2d(x, p["conv1.w"], p["conv1.b"])), 2)
        x = F.max_pool2d(torch.relu(F.conv2d(x, p["conv2.w"], p["conv2.b"])), 2)
        x = torch.relu(F.linear(x.flatten(1), p["dense1.w"], p["dense1.b"]))
        return F.linear(x, p["dense2.w"], p["dense2.b"])


class Train(Article):
    def __init__(self, data: dict[str, Any], last: bool) -> None:
        super().__init__(data, last)
        for t in self.p.values():
            t.requires_grad_(True)
        self.adam = torch.optim.Adam(self.p.values(), lr=LEARNING_RATE)
        self.x, self.labels = tensor(data["x"], last), torch.tensor(data["labels"])

    def step(self, x: torch.Tensor, labels: torch.Tensor) -> float:
        self.adam.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.forward(x), labels)
        loss.backward()
        self.adam.step()
        return float(loss)

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step(self.x[:32], self.labels[:32]) for _ in range(3)])}

    def run(self) -> None:
        self.step(self.x, self.labels)


class Job(Train):
    def run(self) -> None:
        for _ in range(JOB_EPOCHS):
            for start in range(0, len(self.x), 32):
                self.step(self.x[start : start + 32], self.labels[start : start + 32])


class Predict(Article):
    def __init__(self, data: dict[str, Any], last: bool) -> None:
        super().__init__(data, last)
        self.x = tensor(data["x"], last)

    def outputs(self) -> dict[str, Any]:
        with torch.inference_mode():
            return {"logits": self.forward(self.x).numpy()}

    def run(self) -> None:
        with torch.inference_mode():
            self.forward(self.x)


class Conv:
    def __init__(self, w: Workload, data: dict[str, Any], last: bool) -> None:
        self.stride, self.padding = w.stride, w.kernel // 2
        self.x, self.dy = (tensor(data[name], last) for name in ("x", "dy"))
        self.w, self.b = filters(data["w"], last), torch.tensor(data["b"])
        for t in (self.x, self.w, self.b):
            t.requires_grad_(True)

    def run(self) -> Any:
        y = F.conv2d(self.x, self.w, self.b, self.stride, self.padding)
        return y, torch.autograd.grad(y, (self.x, self.w, self.b), self.dy)

    def outputs(self) -> dict[str, Any]:
        y, (dx, dw, _) = self.run()
        images = {"y": y, "dx": dx}
        found = {name: t.detach().permute(0, 2, 3, 1).numpy() for name, t in images.items()}
        return {**found, "dw": dw.permute(2, 3, 1, 0).numpy()}


def make(w: Workload, data: dict[str, Any], variant: str) -> Any:
    last = variant.endswith("channels-last")
    if w.kind == "conv":
        return Conv(w, data, last)
    if w.kind == "network":
        from .torch_networks import Train as TrainNetwork

        return TrainNetwork(w.network, data, last)
    return {"train": Train, "predict": Predict, "job": Job}[w.kind](data, last)
