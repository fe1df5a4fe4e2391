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
from .warp import warp_images

__all__ = [
    "ACTIVATIONS",
    "adam_update",
    "adjust_images",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "blur_images",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_backward_weight_and_bias",
    "conv2d_forward",
    "conv2d_max_pool2d_forward",
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
    "warp_images",
]
