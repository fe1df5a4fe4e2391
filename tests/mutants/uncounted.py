"""Variants that do not count as wrong passes, each with the reason.

A test holds that every one of them gives the right numbers (or, in OTHER_LOSS, agrees with itself),
and that no variant which the checker accepts is missing here.
"""

from __future__ import annotations

_SUM_IN_A_CIRCLE = (
    "The index runs over its whole axis in a sum, and before(0) is the last place: the same terms "
    "in another order."
)
_SAME_EVERYWHERE = (
    "(P6) does not depend on the pixel, and every pixel is still written once: the same number "
    "goes to the same pixels in another order."
)
_WINNER_INSIDE = (
    "Padding is smaller than the window, so every window holds a pixel; the winner is one of them, "
    "and lies inside the image. The condition is never false."
)
_ROWS_SUM_TO_ZERO = (
    "Adding one number to dy changes nothing, as the output's rows sum to 1: the Jacobian takes "
    "constants to 0."
)
_THROUGH_SOFTMAX = (
    "The gradient comes through a softmax, which no constant on all logits of a row changes: every "
    "row of it sums to 0, and so the mean is 0."
)
_CONSTANT_ALONG = "The gradient of a mean is the same for all pixels: reversed, it is itself."

# The same function as the right one: name and proof.
EQUIVALENT = {
    "add: da and db exchanged": "Both are dy: the same array.",
    "conv2d_backward_bias (C4), index shift: upstream[n, i, j, f] becomes "
    "upstream[before(n), i, j, f]": _SUM_IN_A_CIRCLE,
    "conv2d_backward_bias (C4), index shift: upstream[n, i, j, f] becomes "
    "upstream[n, before(i), j, f]": _SUM_IN_A_CIRCLE,
    "conv2d_backward_bias (C4), index shift: upstream[n, i, j, f] becomes "
    "upstream[n, i, before(j), f]": _SUM_IN_A_CIRCLE,
    "dense_backward_bias (D4), index shift: upstream[n, f] becomes "
    "upstream[before(n), f]": _SUM_IN_A_CIRCLE,
    "batch_norm_backward (B4) (B5) (B7), index shift: upstream[m, c] becomes "
    "upstream[before(m), c] [2]": _SUM_IN_A_CIRCLE,
    "batch_norm_backward_constant (B4) (B5) (B6), index shift: upstream[m, c] becomes "
    "upstream[before(m), c] [2]": _SUM_IN_A_CIRCLE,
    "group_norm_backward (B11) (B12), index shift: upstream[n, p, c] becomes "
    "upstream[before(n), p, c] [2]": _SUM_IN_A_CIRCLE,
    "group_norm_backward (B11) (B12), index shift: upstream[n, p, c] becomes "
    "upstream[n, before(p), c] [2]": _SUM_IN_A_CIRCLE,
    "group_norm_backward (B11) (B12), index shift: upstream[n, p, c] becomes "
    "upstream[n, before(p), c] [3]": _SUM_IN_A_CIRCLE,
    "categorical_crossentropy (L3) (L4), index shift: p[n, j] becomes "
    "p[n, before(j)]": _SUM_IN_A_CIRCLE,
    "softmax_cross_entropy (L1) (L2), index shift: row[j] becomes row[before(j)]": _SUM_IN_A_CIRCLE,
    "conv2d_backward_input (C2), missing factor: CG * group becomes CG": (
        "The channel c - CG is right in the second group. In the first it is negative, and NumPy "
        "counts it from the end of the CG channels, which is c again. From the third group on it "
        "is an IndexError, never a wrong number."
    ),
    "global_average_pool2d_backward (P6), index shift: dx[n, r, q, c] becomes "
    "dx[n, before(r), q, c]": _SAME_EVERYWHERE,
    "global_average_pool2d_backward (P6), index shift: dx[n, r, q, c] becomes "
    "dx[n, r, before(q), c]": _SAME_EVERYWHERE,
    "max_pool2d_backward (P2), gate: if 0 <= r < x_shape[1] and 0 <= q < x_shape[2] becomes "
    "if True": _WINNER_INSIDE,
    "max_pool2d_backward (P2), bound: 0 <= r < x_shape[1] becomes "
    "0 <= r <= x_shape[1]": _WINNER_INSIDE,
    "max_pool2d_backward (P2), bound: 0 <= q < x_shape[2] becomes "
    "0 <= q <= x_shape[2]": _WINNER_INSIDE,
    "binary_cross_entropy (L5) (L6), bound: v.real >= 0 becomes v.real > 0": (
        "At v = 0 both branches give p = 1/2 and -log p = log 2."
    ),
    "softmax_cross_entropy (L1) (L2), bound: row[k].real > m becomes row[k].real >= m": (
        "Where the two differ, row[k] is m, and m becomes m."
    ),
    "softmax_cross_entropy (L1) (L2), index shift: row[k] becomes row[before(k)] [2]": (
        "This one asks for NaN. Where a row holds one, total is NaN for every m, and so are loss "
        "and gradient of the row; where it holds none, the answer is no at every place."
    ),
    "global_average_pool2d: dx reversed along axis 1": _CONSTANT_ALONG,
    "global_average_pool2d: dx reversed along axis 2": _CONSTANT_ALONG,
    "softmax: the mean is taken off dy": _ROWS_SUM_TO_ZERO,
    "softmax_cross_entropy: gradient: the mean is taken off it": (
        "s (p - q) sums to 0 in every row, as p and q sum to 1: the mean is 0."
    ),
    "focal: gradient: the mean is taken off it": _THROUGH_SOFTMAX,
    "soft_dice: gradient: the mean is taken off it": _THROUGH_SOFTMAX,
    "tversky: gradient: the mean is taken off it": _THROUGH_SOFTMAX,
    "dice_cross_entropy: gradient: the mean is taken off it": _THROUGH_SOFTMAX,
}

# Value and gradient changed alike: the right gradient of another loss. The value's own tests
# (against numbers worked out by hand) are there to see that, a gradient checker is not.
_TERM_LEFT_OUT = (
    "One class is left out of the value and of the gradient: its term is missing in both."
)
_ALL_CLIPPED = (
    "Every probability is clipped, or counts as clipped: the value does not move any more, and the "
    "gradient is 0."
)
_OTHER_TARGET = "The squared distance to another target, with 2/M times the difference to it."
OTHER_LOSS = {
    "categorical_crossentropy (L3) (L4), sign: S += p[n, j] becomes S -= p[n, j]": _ALL_CLIPPED,
    "categorical_crossentropy (L3) (L4), loop: range(K) becomes range(0 + 1, K) [2]": (
        _TERM_LEFT_OUT
    ),
    "categorical_crossentropy (L3) (L4), loop: range(K) becomes range(0, K - 1) [2]": (
        _TERM_LEFT_OUT
    ),
    "categorical_crossentropy (L3) (L4), gate: if r[k].real < EPSILON becomes "
    "if not r[k].real < EPSILON": _ALL_CLIPPED,
    "categorical_crossentropy (L3) (L4), gate: if r[k].real < EPSILON becomes "
    "if True": _ALL_CLIPPED,
    "categorical_crossentropy (L3) (L4), gate: if r[k].real > 1 - EPSILON becomes "
    "if not r[k].real > 1 - EPSILON": _ALL_CLIPPED,
    "categorical_crossentropy (L3) (L4), gate: if r[k].real > 1 - EPSILON becomes "
    "if True": _ALL_CLIPPED,
    "categorical_crossentropy (L3) (L4), missing term: 1 - EPSILON becomes EPSILON": _ALL_CLIPPED,
    "mean_squared_error (L7), sign: wide.type(y[i]) - t[i] becomes "
    "wide.type(y[i]) + t[i]": _OTHER_TARGET,
    "mean_squared_error (L7), missing term: wide.type(y[i]) - t[i] becomes "
    "wide.type(y[i])": _OTHER_TARGET,
    "mean_squared_error (L7), index shift: t[i] becomes t[before(i)]": _OTHER_TARGET,
}
