"""Which convolutions are Winograd's, and how that is switched off."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import nanocnn as nc
from benchmarks import choose_winograd
from nanocnn import kernels
from nanocnn.kernels import choice, winograd

ONE = (1, 1)
PADDING = ((1, 1), (1, 1))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table say that Winograd's is twice as fast everywhere."""
    monkeypatch.setattr(choice, "SPEEDUPS", {(16, 16, 16): (2.0, 2.0, 2.0)})
    choice._nearest_speedup.cache_clear()
    yield
    choice._nearest_speedup.cache_clear()


def pays(which: str = "forward", **changed: object) -> bool:
    arguments = {
        "dtype": np.dtype(np.float32),
        "x_shape": (2, 9, 8, 16),
        "w_shape": (3, 3, 16, 32),
        "stride": ONE,
        "padding": PADDING,
        "dilation": ONE,
        "groups": 1,
    }
    return choice.winograd_pays(which, *{**arguments, **changed}.values())


@pytest.mark.usefixtures("always")
def test_only_what_it_can_do() -> None:
    assert all(pays(which) for which in choice.PASSES)
    assert not pays(dtype=np.dtype(np.float64))
    assert not pays(w_shape=(3, 2, 16, 32))
    assert not pays(w_shape=(3, 3, 8, 32), groups=2)
    assert not pays(stride=(1, 2))
    assert not pays(dilation=(2, 1))
    assert not pays(padding=((3, 0), (0, 0)))
    assert not pays(w_shape=(3, 3, 3, 32))
    assert not pays(x_shape=(2, 5, 8, 16), padding=((0, 0), (0, 0)))
    assert not pays(x_shape=(0, 9, 8, 16))


def test_the_nearest_shape_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {(16, 16, 8): (0.9, 2.0, 0.9), (64, 64, 32): (3.0, 1.01, 3.0)}
    monkeypatch.setattr(choice, "SPEEDUPS", table)
    choice._nearest_speedup.cache_clear()
    assert [pays(which) for which in choice.PASSES] == [False, True, False]
    big = {"x_shape": (2, 40, 40, 48), "w_shape": (3, 3, 48, 48)}
    # A gain of 1 % is too little.
    assert [pays(which, **big) for which in choice.PASSES] == [True, False, True]
    choice._nearest_speedup.cache_clear()


@pytest.mark.usefixtures("always")
def test_the_passes_follow_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(0)
    x, w, b, dy = (
        r.normal(size=shape).astype(np.float32)
        for shape in ((2, 9, 8, 16), (3, 3, 16, 32), (32,), (2, 9, 8, 32))
    )
    geometry = (ONE, PADDING, ONE, 1)

    def passes() -> list[np.ndarray]:
        return [
            kernels.conv2d_forward(x, w, b, *geometry, "relu"),
            kernels.conv2d_backward_input(dy, w, x.shape, *geometry),
            kernels.conv2d_backward_weight(dy, x, w.shape, *geometry),
        ]

    chosen = passes()
    expected = [
        winograd.winograd_forward(x, w, b, PADDING, "relu"),
        winograd.winograd_backward_input(dy, w, x.shape, PADDING),
        winograd.winograd_backward_weight(dy, x, PADDING),
    ]
    with nc.config.winograd(False):
        direct = passes()
        with nc.config.winograd(True):
            again = passes()
    for found, wanted, other, last in zip(chosen, expected, direct, again, strict=True):
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(found, last)
        assert not np.array_equal(found, other)  # it rounds in another way
        np.testing.assert_allclose(found, other, rtol=0, atol=1e-4 * np.abs(other).max())


@pytest.mark.usefixtures("always")
def test_a_layer_in_float64_is_direct() -> None:
    assert pays()
    x, w = np.ones((1, 9, 8, 16)), np.ones((3, 3, 16, 32))
    y, _ = nc.ops.conv2d_forward(x, w)
    np.testing.assert_array_equal(y, 144)


@pytest.mark.parametrize(("value", "on"), [("0", False), ("1", True)])
def test_the_environment_variable(value: str, on: bool) -> None:
    code = "from nanocnn.kernels import choice; print(choice.enabled.get())"
    environment = {**os.environ, "NANOCNN_WINOGRAD": value}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(on)


def test_the_table_is_what_its_script_writes() -> None:
    assert set(choice.SPEEDUPS) == {shape[1:] for shape in choose_winograd.shapes()}
    assert choose_winograd.TABLE.read_text("utf-8").startswith(choose_winograd.HEAD)


def test_the_script(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(choose_winograd, "TABLE", tmp_path / "table.py")
    monkeypatch.setattr(sys, "argv", ["x", "--write", "--rounds", "1", "--limit", "1"])
    monkeypatch.setattr(choose_winograd, "shapes", lambda: [(1, 16, 16, 4)])
    choose_winograd.main()
    names: dict[str, dict] = {}
    exec((tmp_path / "table.py").read_text(), names)
    (gains,) = names["SPEEDUPS"].values()
    assert len(gains) == 3
    assert min(gains) > 0
    assert "16 -> 16" in capsys.readouterr().out
