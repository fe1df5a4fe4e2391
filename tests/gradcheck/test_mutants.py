"""The checker rejects every wrong backward pass, and accepts every right one."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.gradcheck import check_op

from .mutants import MUTANTS, Stale
from .pairs import draw


def inputs_of(pair, seed):
    """Return the pair; "square dense" is dense with N = D = F, where transposes keep the shape."""
    if pair != "square dense":
        return draw(seed)[pair]
    rng = np.random.default_rng(seed)
    forward, backward = draw(seed)["dense"][:2]
    return forward, backward, rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)


def rejected(name, seed):
    pair, backward = MUTANTS[name]
    forward, _, *arrays = inputs_of(pair, seed)
    if isinstance(backward, Stale):
        forward, backward = backward.forward, backward.backward
    return not check_op(forward, backward, *arrays, seed=seed).passed


@pytest.mark.parametrize("name", MUTANTS)
def test_wrong_pass_is_rejected(name):
    assert rejected(name, 0)
    assert rejected(name, 1)


def test_the_count(capsys):
    count = sum(rejected(name, 2) for name in MUTANTS)
    with capsys.disabled():
        print(f"\nwrong backward passes rejected: {count} of {len(MUTANTS)}")
    assert count == len(MUTANTS) >= 60


@pytest.mark.parametrize("pair", [*draw(0), "square dense"])
def test_right_pass_is_accepted(pair):
    for seed in range(50):
        forward, backward, *arrays = inputs_of(pair, seed)
        check_op(forward, backward, *arrays, seed=seed).raise_if_failed()
