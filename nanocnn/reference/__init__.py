"""The first rung: every operation as a textbook would write it, and the place to start reading.

Each file opens with the forward equation, derives the backward pass from it index by index, and
then gives both as loops that equal the equations: nothing is blocked, fused or reordered. It is
slow on purpose, and it is what the faster rungs are tested against. Start with `dense.py`, then
`conv.py`.

The tags, such as (C1) in `conv.py`, are the same wherever an equation is used. Nothing here imports
the rest of nanocnn, and nothing checks its arguments: `nanocnn.ops` does.

| file | what it derives |
|---|---|
| `dense.py` | matrix product and bias |
| `conv.py` | convolution with stride, padding, dilation, groups |
| `conv_transpose.py` | convolution the other way: larger images |
| `upsample.py` | nearest and bilinear |
| `zero_pad.py` | a border of zeros |
| `pool.py` | maximum, average, global average |
| `activations.py` | relu, leaky relu, sigmoid, tanh, gelu |
| `softmax.py` | probabilities from scores |
| `dropout.py` | the mask that is a hash |
| `flatten.py` | images to rows |
| `join.py` | sums and channels side by side: where branches meet |
| `losses.py` | cross-entropies, squared error |
| `optimizers.py` | gradient descent, RMSprop, Adam, AdamW |
| `warp.py` | images turned, stretched, bent, and their masks with them |
| `intensity.py`, `normal.py` | blur, contrast, brightness, gamma, noise, holes |
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
from .conv import (
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
    conv_output_size,
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
from .dropout import dropout_backward, dropout_forward, dropout_mask
from .flatten import flatten_backward, flatten_forward
from .intensity import adjust_images, blur_images
from .join import add_forward, concatenate_backward, concatenate_forward
from .losses import (
    binary_cross_entropy,
    categorical_crossentropy,
    mean_squared_error,
    softmax_cross_entropy,
)
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
    "adam_update",
    "add_forward",
    "adjust_images",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_backward_constant",
    "batch_norm_forward",
    "batch_norm_statistics",
    "binary_cross_entropy",
    "blur_images",
    "categorical_crossentropy",
    "concatenate_backward",
    "concatenate_forward",
    "conv2d_backward_bias",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_forward",
    "conv_output_size",
    "conv_transpose2d_backward_input",
    "conv_transpose2d_backward_weight",
    "conv_transpose2d_forward",
    "dense_backward_bias",
    "dense_backward_input",
    "dense_backward_weight",
    "dense_forward",
    "dropout_backward",
    "dropout_forward",
    "dropout_mask",
    "flatten_backward",
    "flatten_forward",
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
    "mean_squared_error",
    "normal_numbers",
    "relu_backward",
    "relu_forward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "upsample2d_backward",
    "upsample2d_forward",
    "warp_images",
    "zero_pad2d_backward",
    "zero_pad2d_forward",
]
