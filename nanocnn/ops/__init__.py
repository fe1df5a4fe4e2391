"""The public operations, in pairs: a forward and a backward function of one name.

`y, cache = relu_forward(x)`, then `dx = relu_backward(dy, cache)`. They check their arguments and
call the rung that `nanocnn.backend` names. They hold no state and never change an input. Output
dtype is input dtype; mixed or integer dtypes raise TypeError.
"""

from .activations import (
    gelu_backward,
    gelu_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from .conv import conv2d_backward, conv2d_forward
from .conv_transpose import conv_transpose2d_backward, conv_transpose2d_forward
from .dense import dense_backward, dense_forward
from .dropout import dropout_backward, dropout_forward
from .flatten import flatten_backward, flatten_forward
from .join import add_backward, add_forward, concatenate_backward, concatenate_forward
from .norm import (
    batch_norm_backward,
    batch_norm_forward,
    group_norm_backward,
    group_norm_forward,
    layer_norm_backward,
    layer_norm_forward,
)
from .pool import (
    average_pool2d_backward,
    average_pool2d_forward,
    global_average_pool2d_backward,
    global_average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from .softmax import softmax_backward, softmax_forward
from .upsample import upsample2d_backward, upsample2d_forward
from .zero_pad import zero_pad2d_backward, zero_pad2d_forward

__all__ = [
    "add_backward",
    "add_forward",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "concatenate_backward",
    "concatenate_forward",
    "conv2d_backward",
    "conv2d_forward",
    "conv_transpose2d_backward",
    "conv_transpose2d_forward",
    "dense_backward",
    "dense_forward",
    "dropout_backward",
    "dropout_forward",
    "flatten_backward",
    "flatten_forward",
    "gelu_backward",
    "gelu_forward",
    "global_average_pool2d_backward",
    "global_average_pool2d_forward",
    "group_norm_backward",
    "group_norm_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "upsample2d_backward",
    "upsample2d_forward",
    "zero_pad2d_backward",
    "zero_pad2d_forward",
]
