"""nanocnn: convolutional networks written out from scratch on NumPy.

Every operation stands in three places under one name: as loops that equal the equation
(`nanocnn.reference`), in plain NumPy (`nanocnn.vectorized`) and as a compiled kernel
(`nanocnn.kernels`). Layers, losses and the training loop stand on these.

    import nanocnn as nc
    model = nc.Sequential([nc.Conv2D(32, 3, activation="relu"), nc.MaxPool2D(2), nc.Flatten(),
                           nc.Dense(2)], input_shape=(128, 128, 3), seed=0)
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=10)

Importing this package imports what models are made of. Everything else, Numba and Matplotlib above
all, comes with its first use, and so does not slow down a program that has no use for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import config, initializers, layers, losses, models, ops, optimizers, schedules, training
from ._backend import BACKENDS, backend, current_backend
from .layers import (
    GELU,
    Add,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DenseBlock,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    GroupNorm,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    SeparableConv2D,
    Sigmoid,
    Softmax,
    Tanh,
    UpSampling2D,
    ZeroPadding2D,
)
from .models import Sequential
from .optimizers import SGD, Adam, AdamW, RMSprop
from .training import Callback, Diverged, EarlyStopping, History

if TYPE_CHECKING:
    from . import data, evaluation, gradcheck
    from .kernels.memory import release_memory
    from .kernels.threads import get_num_threads, set_num_threads
    from .models.saving import load

__version__ = "0.1.0"

# Fetched when first asked for.
_LAZY_PACKAGES = ("data", "evaluation", "gradcheck")
_LAZY_FUNCTIONS = {
    "get_num_threads": "nanocnn.kernels.threads",
    "set_num_threads": "nanocnn.kernels.threads",
    "release_memory": "nanocnn.kernels.memory",
    "load": "nanocnn.models.saving",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY_PACKAGES:
        return importlib.import_module(f"nanocnn.{name}")
    if name in _LAZY_FUNCTIONS:
        return getattr(importlib.import_module(_LAZY_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'nanocnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "BACKENDS",
    "GELU",
    "SGD",
    "Adam",
    "AdamW",
    "Add",
    "AveragePool2D",
    "BatchNorm",
    "Callback",
    "Concatenate",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "DenseBlock",
    "DepthwiseConv2D",
    "Diverged",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "GlobalAveragePool2D",
    "GroupNorm",
    "History",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "RMSprop",
    "ReLU",
    "Residual",
    "SeparableConv2D",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "UpSampling2D",
    "ZeroPadding2D",
    "backend",
    "config",
    "current_backend",
    "data",
    "evaluation",
    "get_num_threads",
    "gradcheck",
    "initializers",
    "layers",
    "load",
    "losses",
    "models",
    "ops",
    "optimizers",
    "release_memory",
    "schedules",
    "set_num_threads",
    "training",
]
