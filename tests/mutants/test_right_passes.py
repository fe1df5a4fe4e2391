"""The checker accepts every right pass: all operations, layers and losses, over many seeds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import losses, ops
from nanocnn.gradcheck import Report, check_layer, check_loss, check_op
from nanocnn.gradcheck.cases import LAYERS, LOSSES, OPS, LayerCase, LossCase, OpCase

Check = Callable[[int], Report]


def _op(name: str, case: OpCase) -> Check:
    def check(seed: int) -> Report:
        forward = functools.partial(getattr(ops, f"{name}_forward"), **case.options)
        backward = getattr(ops, f"{name}_backward")
        arrays = case.draw(np.random.default_rng([seed, 1]))
        return check_op(forward, backward, *arrays, name=name, seed=seed, max_elements=20)

    return check


def _layer(case: LayerCase) -> Check:
    return lambda seed: check_layer(case.make(), case.input_shape, seed=seed, max_elements=20)


def _loss(name: str, case: LossCase) -> Check:
    def check(seed: int) -> Report:
        y, target = case.draw(np.random.default_rng([seed, 2]))
        loss = functools.partial(getattr(losses, name), **case.options)
        return check_loss(loss, y, target, name=name, seed=seed, max_elements=20)

    return check


def _checks() -> Iterator[tuple[str, Check]]:
    for name, op_cases in OPS.items():
        for k, op_case in enumerate(op_cases):
            yield f"{name} {k}", _op(name, op_case)
    for name, layer_cases in LAYERS.items():
        for k, layer_case in enumerate(layer_cases):
            yield f"{name} {k}", _layer(layer_case)
    for name, loss_cases in LOSSES.items():
        for k, loss_case in enumerate(loss_cases):
            yield f"{name} {k}", _loss(name, loss_case)


CHECKS = dict(_checks())


@pytest.mark.parametrize("name", CHECKS)
def test_right_pass_is_accepted(name):
    for rung, seeds in (("vectorized", 8), ("numba", 2)):
        with nc.backend(rung):
            for seed in range(seeds):
                CHECKS[name](seed).raise_if_failed()


@pytest.mark.parametrize("name", [n for n in CHECKS if not n.lower().startswith("conv2d")])
def test_right_loop_is_accepted(name):
    with nc.backend("reference"):
        CHECKS[name](0).raise_if_failed()


@pytest.mark.slow
@pytest.mark.parametrize("rung", ["vectorized", "numba"])
@pytest.mark.parametrize("name", CHECKS)
def test_right_pass_is_accepted_over_200_seeds(name, rung):
    with nc.backend(rung):
        failed = {}
        for seed in range(200):
            report = CHECKS[name](seed)
            if not report.passed:
                failed[seed] = str(report)
    assert failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CHECKS if n.lower().startswith("conv2d")])
def test_right_convolution_loop_is_accepted(name):
    with nc.backend("reference"):
        CHECKS[name](0).raise_if_failed()
