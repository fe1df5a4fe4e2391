"""Layers: objects that hold parameters and call operations. Nothing is computed here."""

from .activations import GELU, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer
from .conv import Conv2D
from .conv_transpose import ConvTranspose2D
from .dense import Dense
from .dropout import Dropout
from .pool import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from .separable import DepthwiseConv2D, SeparableConv2D
from .shape import Flatten
from .upsample import UpSampling2D, ZeroPadding2D

__all__ = [
    "GELU",
    "AveragePool2D",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "SeparableConv2D",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "UpSampling2D",
    "ZeroPadding2D",
]
