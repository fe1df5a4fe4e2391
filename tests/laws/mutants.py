"""Wrong operations, at least one for each law: it must fail on every one of them.

Each stands for a function of NumPy's rung, which it is given as its first argument. A law looks at
an operation from one side only: a filter that is flipped both forward and backward, say, keeps its
adjoint. So here every law has mistakes of the kind that it is there for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from ops.calls import CALLS

from .test_batch import SEPARATE
from .test_linearity import LINEAR
from .test_norm import NORMS

Wrong = Callable[..., Any]
CALLS_SO_FAR = itertools.count()
# (law, operation or "", function of `nanocnn.vectorized`, what stands for it)
MUTANTS: list[tuple[str, str, str, Wrong]] = []


def wrong(function: str, *laws: str, over: Any = ("",)) -> Callable[[Wrong], Wrong]:
    """Let the mistake stand for `function` where these laws are tried, `{}` being the operation."""

    def decorate(mistake: Wrong) -> Wrong:
        named = {op: "group_norm" if op == "layer_norm" else op for op in over}  # of rows
        MUTANTS.extend(
            (law, op, function.format(named[op]), mistake) for law in laws for op in over
        )
        return mistake

    return decorate


def of_result(change: Callable[[Any], Any]) -> Wrong:
    """Make a mistake that changes the first result; max pooling's winners stay as they are."""

    def mistake(right: Wrong, *args: Any) -> Any:
        result = right(*args)
        if isinstance(result, tuple):
            return (change(result[0]), *result[1:])
        return change(result)

    return mistake


def backward(op: str) -> str:
    """Return the name of the function that makes dx."""
    if op == "layer_norm":  # of rows, in one group
        return "group_norm_backward"
    by_parts = op in ("conv2d", "conv_transpose2d", "dense")
    return f"{op}_backward_input" if by_parts else f"{op}_backward"


def places(y: Any, axis: int) -> Any:
    """Return 1, 2, ... along an axis."""
    shape = [1] * y.ndim
    shape[axis] = -1
    return np.arange(1, y.shape[axis] + 1, dtype=y.dtype).reshape(shape)


add_one = of_result(lambda y: y + 1)
by_place = of_result(lambda y: y * places(y, 0))
by_row = of_result(lambda y: y * places(y, 1))
mixed = of_result(lambda y: (y + y.mean(axis=0, keepdims=True)).astype(y.dtype))
wrong("{}_forward", "test_forward_is_linear", over=LINEAR)(add_one)
wrong("{}_forward", "test_forward_of_each_image_alone", over=SEPARATE)(mixed)
wrong("{}_forward", "test_exchanged_images_exchange_results", over=SEPARATE)(by_place)
wrong("batch_norm_forward", "test_exchanged_images_of_a_batch")(by_place)
wrong("conv2d_forward", "test_layers_in_inference", over=["Conv2D", "Conv2D all options"])(mixed)
wrong("dense_forward", "test_layers_in_inference", over=["Dense"])(by_place)
wrong("conv2d_forward", "test_larger_convolutions_of_each_image_alone")(mixed)
wrong("conv2d_backward_input", "test_larger_convolutions_of_each_image_alone")(by_place)
wrong("conv2d_forward", "test_convolution")(by_row)
wrong("average_pool2d_forward", "test_pooling")(by_row)
wrong("max_pool2d_forward", "test_pooling")(by_row)
wrong("upsample2d_forward", "test_upsampling_keeps_constants_and_its_gradient_the_sum")(by_row)
wrong("zero_pad2d_forward", "test_padding_keeps_the_sum_and_cropping_undoes_it")(add_one)
wrong("upsample2d_backward", "test_the_gradient_is_the_adjoint")(add_one)
stamped = "test_it_is_a_convolution_s_dx_and_its_dx_and_dw_are_that_convolution_s"
wrong("conv_transpose2d_forward", stamped)(add_one)
wrong("conv_transpose2d_backward_input", stamped)(by_row)
wrong("conv_transpose2d_backward_weight", stamped)(by_row)
for name in CALLS:
    if name == "add":  # its backward pass is dy itself, on no rung
        continue
    wrong(backward(name), "test_backward_is_linear_in_dy", over=[name])(add_one)
for name in SEPARATE:
    wrong(backward(name), "test_backward_of_each_image_alone", over=[name])(mixed)


@wrong("conv2d_backward_weight", "test_backward_of_each_image_alone", over=["conv2d"])
@wrong("dense_backward_weight", "test_backward_of_each_image_alone", over=["dense"])
def mean_for_sum(right: Wrong, dy: Any, *rest: Any) -> Any:
    return right(dy, *rest) / dy.dtype.type(len(dy))


@wrong("dense_backward_bias", "test_the_bias_is_added_and_its_gradient_is_the_sum")
@wrong("conv2d_backward_bias", "test_the_bias_is_added_and_its_gradient_is_the_sum")
def first_image_only(right: Wrong, dy: Any) -> Any:
    return right(dy[:1])


@wrong(
    "conv2d_backward_input",
    "test_dx_is_a_convolution_with_the_filters_turned",
    "test_both_gradients_are_adjoints",
)
def not_turned(right: Wrong, dy: Any, w: Any, *rest: Any) -> Any:
    return right(dy, w[::-1, ::-1], *rest)


@wrong("conv2d_forward", "test_a_filter_with_a_single_one_shifts")
def flipped(right: Wrong, x: Any, w: Any, *rest: Any) -> Any:
    return right(x, w[::-1, ::-1], *rest)


@wrong(
    "conv2d_forward",
    "test_the_transposed_convolution_is_the_adjoint",
    "test_both_gradients_are_adjoints",
    "test_a_filter_with_a_single_one_shifts",
)
def padded_on_the_wrong_side(right: Wrong, *args: Any) -> Any:
    x, w, b, stride, padding, *rest = args
    return right(x, w, b, stride, (padding[0][::-1], padding[1][::-1]), *rest)


@wrong(
    "conv2d_forward",
    "test_an_outer_product_is_a_column_and_then_a_row",
    "test_depthwise_and_then_1x1_is_one_convolution",
    "test_1x1_is_a_dense_layer_for_each_pixel",
)
def last_tap_lost(right: Wrong, x: Any, w: Any, *rest: Any) -> Any:
    less = w.copy()
    less[-1, -1] = 0
    return right(x, less, *rest)


@wrong(
    "conv2d_backward_weight",
    "test_an_outer_product_is_a_column_and_then_a_row",
    "test_both_gradients_are_adjoints",
    "test_1x1_is_a_dense_layer_for_each_pixel",
)
def last_gradient_lost(right: Wrong, *args: Any) -> Any:
    dw = right(*args)
    dw[-1, -1] = 0
    return dw


@wrong("conv2d_forward", "test_dilation_is_zeros_between_taps")
def flipped_if_dilated(right: Wrong, *args: Any) -> Any:
    x, w, *rest = args
    return right(x, w[::-1, ::-1] if rest[3] != (1, 1) else w, *rest)


@wrong("conv2d_forward", "test_groups_are_convolutions_side_by_side")
def groups_in_turn(right: Wrong, *args: Any) -> Any:
    y = right(*args)
    return y.reshape(*y.shape[:3], args[-1], -1).swapaxes(3, 4).reshape(y.shape)


@wrong("conv2d_forward", "test_exchanged_filters_exchange_channels")
def channels_backwards(right: Wrong, *args: Any) -> Any:
    return right(*args)[..., ::-1]


@wrong("max_pool2d_backward", "test_max_conserves_the_gradient")
def nothing_for_the_first_tap(right: Wrong, dy: Any, winner: Any, *rest: Any) -> Any:
    return right(np.where(winner == 0, 0, dy).astype(dy.dtype), winner, *rest)


@wrong("max_pool2d_forward", "test_only_a_maximum_gets_a_gradient")
def the_least_wins(right: Wrong, x: Any, *rest: Any) -> Any:
    return right(x, *rest)[0], right(-x, *rest)[1]


@wrong("pool._real_pixels", "test_average_conserves_the_gradient", "test_a_constant_goes_through")
def padding_is_counted(right: Wrong, x_shape: Any, window: Any, *rest: Any) -> Any:
    return np.full((1, 1, 1, 1), float(np.prod(window)))


@wrong(
    "pool._real_pixels",
    "test_the_mean_lies_below_the_maximum",
    "test_the_whole_image_as_a_window_is_the_global_average",
)
def a_sum_for_the_mean(right: Wrong, *args: Any) -> Any:
    return np.ones((1, 1, 1, 1))


@wrong("global_average_pool2d_backward", "test_global_average_conserves_the_gradient")
def divided_by_the_height_alone(right: Wrong, dy: Any, x_shape: Any) -> Any:
    return right(dy, x_shape) * dy.dtype.type(x_shape[2])


@wrong(
    "softmax_forward",
    "test_one_number_added_to_all_scores",
    "test_rows_sum_to_1_and_their_gradients_to_0",
)
def one_more_class(right: Wrong, x: Any) -> Any:
    return right(np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1))[..., :-1]


@wrong(
    "softmax_backward",
    "test_rows_sum_to_1_and_their_gradients_to_0",
    "test_a_constant_dy_moves_nothing",
    "test_softmax_and_then_cross_entropy",
)
def diagonal_alone(right: Wrong, dy: Any, y: Any) -> Any:
    return dy * y * (1 - y)


wrong("softmax_forward", "test_exchanged_scores_exchange_probabilities")(
    of_result(lambda y: y * places(y, -1))
)


@wrong("softmax_forward", "test_larger_scores_get_more")
def wrong_sign(right: Wrong, x: Any) -> Any:
    return right(-x)


@wrong("softmax_cross_entropy", "test_cross_entropy")
def target_not_taken_off(right: Wrong, z: Any, q: Any, s: Any) -> Any:
    loss, dz = right(z, q, s)
    return loss, (dz + q / len(q)).astype(z.dtype)


@wrong("softmax_cross_entropy", "test_cross_entropy")
def without_the_shift(right: Wrong, z: Any, q: Any, s: Any) -> Any:
    loss, dz = right(z, q, s)
    return loss + float(z[0, 0]), dz


@wrong("sigmoid_backward", "test_sigmoid")
def half_of_the_slope(right: Wrong, dy: Any, y: Any) -> Any:
    return dy * y


@wrong("tanh_backward", "test_tanh")
def without_the_square(right: Wrong, dy: Any, y: Any) -> Any:
    return dy * (1 - y)


@wrong("relu_backward", "test_relu")
def open_at_the_kink(right: Wrong, dy: Any, y: Any) -> Any:
    return np.where(y >= 0, dy, 0).astype(dy.dtype)


@wrong("leaky_relu_backward", "test_leaky_relu")
def slope_forgotten(right: Wrong, dy: Any, x: Any, slope: float) -> Any:
    return right(dy, x, 0.01)


@wrong("gelu_backward", "test_gelu")
def gate_not_differentiated_back(right: Wrong, dy: Any, x: Any) -> Any:
    return right(dy, np.abs(x))


@wrong("dropout_backward", "test_dropout_zeroes_or_scales")
@wrong("dropout_forward", "test_dropout_keeps_the_mean", "test_dropout_zeroes_or_scales")
def not_scaled(right: Wrong, x: Any, rate: float, key: int) -> Any:
    return (right(x, rate, key) * (1 - rate)).astype(x.dtype)


@wrong("{}_forward", "test_x_may_be_shifted_and_scaled", over=NORMS)
@wrong("{}_forward", "test_the_output_has_mean_0_and_variance_1", over=NORMS)
def mean_left_in(right: Wrong, x: Any, *rest: Any) -> Any:
    return of_result(lambda y: y + x)(right, x, *rest)


@wrong("{}_backward", "test_dx_is_orthogonal_to_1_and_to_xhat", over=NORMS)
def as_if_constant(right: Wrong, dy: Any, x: Any, gamma: Any, *rest: Any) -> Any:
    return (dy * gamma, *right(dy, x, gamma, *rest)[1:])


@wrong("batch_norm_forward", "test_given_its_own_statistics_a_batch_comes_out_the_same")
def unlike_each_time(right: Wrong, *args: Any) -> Any:
    return right(*args) + next(CALLS_SO_FAR)


@wrong("group_norm_forward", "test_a_group_for_each_channel_is_batch_norm_of_each_image")
def one_group(right: Wrong, x: Any, gamma: Any, beta: Any, groups: int, epsilon: float) -> Any:
    return right(x, gamma, beta, 1, epsilon)
