"""The calls that are timed: everything exported has one, and what they cost is counted right."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import calls, image_calls, join_calls, ladder, loss_calls, roofline, script
from benchmarks.cases import RUNGS, Case, without_case
from nanocnn import kernels, losses, ops, reference, vectorized
from nanocnn.kernels import choice

SMALL = ladder.ladder_cases(smoke=True)
LIMITS = (1e9, 1e8)  # ten operations a byte


def test_everything_exported_has_a_case() -> None:
    assert without_case(ladder.ladder_cases()) == []
    assert without_case(SMALL) == []
    timed = {p.case.function for smoke in (True, False) for p in roofline.roofline_cases(smoke)}
    compiled = {n for n in kernels.__all__ if callable(getattr(kernels, n))}
    # A view of the same memory has neither operations nor bytes, and copies have no operations; the
    # gradients of weight and bias together are those of the weight, whose loop adds up what it has
    # copied anyway.
    copies = {f"{op}_{way}" for op in ("concatenate", "zero_pad2d") for way in ladder.WAYS}
    views = {"flatten_forward", "flatten_backward"}
    without = {*copies, *views, "conv2d_backward_weight_and_bias"}
    assert compiled - timed == without


@pytest.mark.parametrize(
    ("module", "new"),
    [
        (reference, "selu_forward"),
        (vectorized, "selu_forward"),
        (kernels, "selu_forward"),
        (ops, "selu_backward"),
        (losses, "hinge"),
    ],
)
def test_something_new_is_missed(monkeypatch: pytest.MonkeyPatch, module: Any, new: str) -> None:
    monkeypatch.setattr(module, "__all__", [*module.__all__, new])
    monkeypatch.setattr(module, new, abs, raising=False)
    assert without_case(SMALL) == [new]


def test_the_ladder_refuses_to_leave_something_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops, "__all__", [*ops.__all__, "selu_forward"])
    monkeypatch.setattr("sys.argv", ["ladder.py", "--smoke"])
    assert ladder.main() == 1
    assert "selu_forward" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("case", "flops", "moved"),
    [
        # y is 2x3x3x4, each number a sum of 3*3*3 products; x 2x5x5x3, w 3x3x3x4.
        (calls.conv("conv2d_forward", 2, 5, 3, 4, stride=2), 2 * 72 * 27, 4 * (150 + 72 + 108)),
        # A group sees 2 of 4 channels; w is 3x3x2x6.
        (calls.conv("conv2d_backward_weight", 1, 5, 4, 6, groups=2), 5400, 4 * (100 + 150 + 108)),
        (calls.conv("conv2d_backward_input", 1, 2, 3, 5, kernel=1), 120, 4 * (12 + 20 + 15)),
        # Between the two 2x4x4x5 numbers, sums of 3*3*3 products each; y is 2x2x2x5.
        (calls.conv_pool(2, 4, 3, 5), 2 * 160 * 27 + 40 * 3, 4 * (96 + 135 + 40) + 40),
        (calls.dense("dense_forward", 2, 3, 5), 60, 4 * (6 + 10 + 15)),
        (calls.bias_sums("conv2d_backward_bias", (2, 3, 5)), 30, 4 * (30 + 5)),
        # 2x9 pixels of 5 numbers, twice; a label and a weight each.
        (loss_calls.pixels(2, 3, 5), 24 * 90, 4 * 2 * 90 + 12 * 18),
        # y is 2x2x3x3, 36 numbers; three comparisons each, and a byte that tells the winner.
        (calls.pool("max_pool2d_forward", (2, 4, 6, 3)), 108, 4 * (144 + 36) + 36),
        (calls.pool("max_pool2d_backward", (2, 4, 6, 3)), 36, 4 * (144 + 36) + 36),
        # y is 2x2x2x3.
        (calls.pool("average_pool2d_forward", (2, 5, 5, 3), 3), 24 * 9, 4 * (150 + 24)),
        (calls.pool("global_average_pool2d_forward", (2, 4, 6, 3)), 144, 4 * (144 + 6)),
        # x 2x3x3x4, y 2x6x6x5, w 2x2x5x4: every pixel of x is multiplied by all of w.
        (calls.conv_transpose("conv_transpose2d_forward", 2, 3, 4, 5), 2 * 18 * 80, 4 * 512),
        # x is 2x3x4x5, 120 numbers, y 480: from 6 lines of 4 come 6 of 4, then 6 of 8.
        (calls.upsample("upsample2d_forward", (2, 3, 4, 5)), 18 * 120, 4 * 600),
        (calls.zero_pad("zero_pad2d_forward", (2, 3, 4, 5)), 0, 4 * (120 + 300)),
        (calls.elementwise("relu_backward", (3, 4)), 12, 3 * 48),
        (join_calls.join("add_forward", (3, 4)), 12, 3 * 48),
        (join_calls.join("concatenate_backward", (3, 4)), 0, 2 * 48),
        (calls.elementwise("softmax_forward", (3, 4)), 60, 2 * 48),
        (calls.norm("batch_norm_backward", (6, 4)), 24 * 9, 3 * 96),
        (calls.norm("group_norm_forward", (2, 3, 4)), 24 * 7, 2 * 96),
        (calls.update("sgd_update", 10), 60, 5 * 40),
        (calls.update("adam_update", 10), 160, 7 * 40),
        (loss_calls.loss("softmax_cross_entropy", 2, 3), 60, 6 * (4 + 4 + 8)),
        # 24 pixels, 72 numbers: 24 * 14 for places, 72 * 9; a byte for each pixel of both masks.
        (image_calls.augmentation("warp_images", (1, 4, 6, 3)), 984, 2 * 288 + 48),
        # Two times 7 taps.
        (image_calls.augmentation("blur_images", (1, 4, 6, 3)), 72 * 28, 2 * 288),
        (image_calls.augmentation("adjust_images", (1, 4, 6, 3)), 72 * 16, 2 * 288),
        (image_calls.normal_numbers(10), 40, 40),
        (calls.flatten("flatten_forward", (2, 3, 4, 5)), 0, 0),
    ],
    ids=lambda value: value.function if isinstance(value, Case) else "",
)
def test_counted_by_hand(case: Case, flops: float, moved: float) -> None:
    assert case.flops == flops
    assert case.bytes == moved


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.function)
def test_bytes_are_those_of_the_arrays(case: Case) -> None:
    args = case.make()
    before = [a.copy() for a in args if isinstance(a, np.ndarray)]
    found = case.outputs(vectorized, args, np.float32)
    given = [a for a in args if isinstance(a, np.ndarray)]
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)  # what is timed later is what was compared
    moved = sum(np.asarray(a).nbytes for a in [*given, *found])
    every = [np.asarray(a) for a in [*given, *found]]
    left_out: dict[str, Callable[[], int]] = {
        "conv2d_forward": lambda: args[2].nbytes,  # the bias
        "conv_transpose2d_forward": lambda: args[2].nbytes,
        "dense_forward": lambda: args[2].nbytes,
        "fused_backward": lambda: found[1].nbytes,  # its gradient
        "conv2d_backward_weight_and_bias": lambda: found[1].nbytes,
        "conv2d_max_pool2d_forward": lambda: args[2].nbytes - found[0].size,  # bias, winners
        "softmax_cross_entropy": lambda: args[2].nbytes + 8,  # a weight a row, and the loss
        "categorical_crossentropy": lambda: args[2].nbytes + 8,
        "binary_cross_entropy": lambda: 8,
        "focal": lambda: args[2].nbytes + 8,
        "tversky": lambda: args[2].nbytes + args[3].nbytes + 8,
        "tversky_cross_entropy": lambda: args[3].nbytes + args[4].nbytes + 8,  # weights of classes
        "mean_squared_error": lambda: 8,
        "warp_images": lambda: args[2].nbytes,  # the strengths, some numbers for each image
        "blur_images": lambda: args[1].nbytes,
        "adjust_images": lambda: sum(a.nbytes for a in args[1:]),
        # Parameters and statistics, a few numbers for each channel.
        **dict.fromkeys(
            calls.NORMS, lambda: sum(a.nbytes for a in every if a.size < given[0].size)
        ),
        "concatenate_backward": lambda: given[0].nbytes // 2,  # the other branch's channels
        "flatten_forward": lambda: moved,
        "flatten_backward": lambda: moved,
    }
    assert case.bytes == moved - left_out.get(case.function, lambda: 0)()


def test_predicted_time_and_the_rate_that_counts() -> None:
    conv = calls.conv("conv2d_forward", 1, 8, 16, 16)  # 294912 operations, 17408 bytes
    assert conv.predicted(LIMITS) == pytest.approx(294912 / 1e9)
    assert ladder.rates(conv, {"median": 1e-3}, LIMITS) == {
        "GFLOP/s": pytest.approx(0.294912),
        "GB/s": None,
    }
    relu = calls.elementwise("relu_forward", (1000,))
    assert relu.predicted(LIMITS) == pytest.approx(8000 / 1e8)
    assert ladder.rates(relu, {"median": 1e-3}, LIMITS) == {
        "GFLOP/s": None,
        "GB/s": pytest.approx(0.008),
    }


def test_direct_means_without_winograd() -> None:
    rung: Any = SimpleNamespace(conv2d_forward=lambda *args: choice.enabled.get())
    case = calls.conv("conv2d_forward", 1, 8, 32, 32)
    with_it = case.on(rung, case.make())
    without = case._replace(direct=True).on(rung, case.make())
    assert with_it() is True
    assert without() is False
    assert choice.enabled.get() is True


def test_turns_change_their_order() -> None:
    log: list[str] = []
    runs = [lambda name=name: log.append(name) for name in "abc"]
    seconds = script.in_turns(runs, rounds=3, sample=0.0)
    assert log[:6] == list("aabbcc")  # warm
    assert log[6:] == list("aabbccbbccaaccaabb")  # one call that is not timed, one that is
    assert [len(s) for s in seconds] == [3, 3, 3]
    assert script.told([4.0, 1.0, 2.0]) == {"median": 2.0, "quartiles": [1.5, 3.0], "samples": 3}


def test_rungs_are_in_order() -> None:
    assert list(RUNGS.values()) == [reference, vectorized, kernels]


def test_errors_are_told_over_the_largest_value() -> None:
    right = [np.array([1.0, -4.0]), np.array([True, False])]
    assert ladder.largest_error([np.array([1.0, -3.0]), right[1]], right) == 0.25
    assert ladder.largest_error([right[0], np.array([True, True])], right) == 1.0
    assert ladder.largest_error([np.array([0.5])], [np.array([0.0])]) == 0.5
    assert math.isnan(ladder.largest_error([np.array([np.nan])], [np.array([1.0])]))
