"""Layers: objects that hold parameters and call operations. Nothing is computed here."""

from .activations import GELU, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer
from .conv import Conv2D
from .conv_transpose import ConvTranspose2D
from .dense import Dense
from .dropout import Dropout
from .join import Add, Concatenate, Identity
from .norm import BatchNorm, GroupNorm, LayerNorm
from .pool import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from .residual import DenseBlock, Residual
from .separable import DepthwiseConv2D, SeparableConv2D
from .shape import Flatten
from .upsample import UpSampling2D, ZeroPadding2D

__all__ = [
    "GELU",
    "Add",
    "AveragePool2D",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "DenseBlock",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "GroupNorm",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Residual",
    "SeparableConv2D",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "UpSampling2D",
    "ZeroPadding2D",
]
