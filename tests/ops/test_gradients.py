"""Every exported pair of operations through the gradient checker, on every rung.

The pairs are found, not listed: an operation without a case here fails the first test.
"""

from functools import partial

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import ops
from nanocnn.gradcheck import check_op

_RNG = np.random.default_rng(7)


def _draw(*shape):
    return _RNG.standard_normal(shape)


def _conv(**options):
    groups = options.get("groups", 1)
    arrays = (_draw(2, 7, 6, 4), _draw(3, 2, 4 // groups, 6), _draw(6))
    return arrays, options


CASES = {
    "conv2d": [
        _conv(),
        _conv(stride=(2, 3), padding="same"),
        _conv(padding=((2, 0), (1, 2)), dilation=(2, 1)),
        _conv(groups=2, padding=1),
        _conv(activation="relu", padding="same"),
        _conv(activation="sigmoid"),
        _conv(activation="tanh", stride=2),
    ],
    "dense": [
        ((_draw(3, 5), _draw(5, 4), _draw(4)), {}),
        ((_draw(3, 5), _draw(5, 4), _draw(4)), {"activation": "tanh"}),
        ((_draw(3, 5), _draw(5, 4), _draw(4)), {"activation": "relu"}),
    ],
    "max_pool2d": [
        ((_draw(2, 6, 5, 3),), {}),
        ((_draw(2, 6, 5, 3),), {"window": 3, "stride": 2, "padding": 1}),
    ],
    "average_pool2d": [
        ((_draw(2, 6, 5, 3),), {}),
        ((_draw(2, 6, 5, 3),), {"window": (3, 2), "stride": (1, 2), "padding": "same"}),
    ],
    "global_average_pool2d": [((_draw(2, 4, 5, 3),), {})],
    "relu": [((_draw(4, 5),), {})],
    "leaky_relu": [((_draw(4, 5),), {"slope": 0.2})],
    "sigmoid": [((_draw(4, 5),), {})],
    "tanh": [((_draw(4, 5),), {})],
    "gelu": [((_draw(4, 5),), {})],
    "softmax": [((_draw(4, 5),), {})],
    "dropout": [((_draw(4, 5),), {"rate": 0.3, "key": 11})],
    "flatten": [((_draw(2, 3, 4, 2),), {})],
}


def test_every_operation_has_a_case():
    found = {name.removesuffix("_forward") for name in ops.__all__ if name.endswith("_forward")}
    assert found == set(CASES)
    assert {f"{name}_backward" for name in found} <= set(ops.__all__)


@pytest.mark.parametrize("backend", nc.BACKENDS)
@pytest.mark.parametrize(
    ("name", "case"), [(name, i) for name, cases in CASES.items() for i in range(len(cases))]
)
def test_gradient(backend, name, case):
    arrays, options = CASES[name][case]
    forward = partial(getattr(ops, f"{name}_forward"), **options)
    backward = getattr(ops, f"{name}_backward")
    with nc.backend(backend):
        report = check_op(forward, backward, *arrays, name=f"{name} on {backend}")
    report.raise_if_failed()
    assert len(report.rows) == len(arrays)
    assert all(row.checked > 0 for row in report.rows)


def test_a_wrong_gradient_is_seen_through_the_same_path():
    """The cases would be worth nothing if the checker said yes to all."""
    arrays, options = CASES["conv2d"][1]
    forward = partial(ops.conv2d_forward, **options)

    def without_padding(dy, cache):
        shifted = cache._replace(x=np.roll(cache.x, 1, axis=1))
        return ops.conv2d_backward(dy, shifted)

    report = check_op(forward, without_padding, *arrays)
    assert not report.passed
    assert [row.name for row in report.failures] == [report.rows[1].name]
