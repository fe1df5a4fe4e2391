"""The operations at machine speed: Numba, one register-tiled micro-kernel, one thread pool.

The functions have the names and leading arguments of `nanocnn.reference` and check nothing: call
`nanocnn.ops` unless you know that shapes and dtypes fit. float32 and float64 only.
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
from .bands import conv2d_max_pool2d_forward
from .conv import (
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_backward_weight_and_bias,
    conv2d_forward,
)
from .conv_transpose import (
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_weight,
    conv_transpose2d_forward,
)
from .dense import (
    dense_backward_bias,
    dense_backward_input,
    dense_backward_weight,
    dense_forward,
)
from .dropout import dropout_backward, dropout_forward
from .elementwise import ACTIVATIONS, fused_backward
from .flatten import flatten_backward, flatten_forward
from .intensity import adjust_images, blur_images
from .join import add_forward, concatenate_backward, concatenate_forward
from .norm import (
    batch_norm_backward,
    batch_norm_backward_constant,
    batch_norm_forward,
    batch_norm_statistics,
    group_norm_backward,
    group_norm_forward,
)
from .normal import normal_numbers
from .optimizers import adam_update, rmsprop_update, sgd_update
from .overlap import tversky_cross_entropy
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
from .warp import warp_images
from .zero_pad import zero_pad2d_backward, zero_pad2d_forward

__all__ = [
    "ACTIVATIONS",
    "adam_update",
    "add_forward",
    "adjust_images",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_backward_constant",
    "batch_norm_forward",
    "batch_norm_statistics",
    "blur_images",
    "concatenate_backward",
    "concatenate_forward",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_backward_weight_and_bias",
    "conv2d_forward",
    "conv2d_max_pool2d_forward",
    "conv_transpose2d_backward_input",
    "conv_transpose2d_backward_weight",
    "conv_transpose2d_forward",
    "dense_backward_bias",
    "dense_backward_input",
    "dense_backward_weight",
    "dense_forward",
    "dropout_backward",
    "dropout_forward",
    "flatten_backward",
    "flatten_forward",
    "fused_backward",
    "gelu_backward",
    "gelu_forward",
    "global_average_pool2d_backward",
    "global_average_pool2d_forward",
    "group_norm_backward",
    "group_norm_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "normal_numbers",
    "relu_backward",
    "relu_forward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "tversky_cross_entropy",
    "upsample2d_backward",
    "upsample2d_forward",
    "warp_images",
    "zero_pad2d_backward",
    "zero_pad2d_forward",
]
