"""Focal, Dice and Tversky losses, pixel weights and ignored pixels: by hand, laws, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanocnn import backend, losses
from nanocnn.gradcheck import check_loss
from nanocnn.losses import dice_cross_entropy, focal, soft_dice, softmax_cross_entropy, tversky
from tests.vectorized.cases import quick

OVERLAP: dict[str, Any] = {
    "soft_dice": soft_dice,
    "tversky": tversky,
    "dice_cross_entropy": dice_cross_entropy,
}
ALL: dict[str, Any] = {**OVERLAP, "focal": focal, "softmax_cross_entropy": softmax_cross_entropy}
RUNGS = ("reference", "vectorized", "numba")


@pytest.fixture(params=RUNGS, autouse=True)
def rung(request: pytest.FixtureRequest) -> Any:
    with backend(request.param):
        yield request.param


def problem(K: int = 3, seed: int = 0, shape: tuple[int, ...] = (2, 4, 5)) -> tuple[Any, Any]:
    """Return logits and labels; every class comes."""
    rng = np.random.default_rng(seed)
    t = rng.permutation(np.arange(math.prod(shape)) % max(K, 2)).reshape(shape)
    return rng.normal(0, 2, (*shape, K)), t


def close(a: tuple[float, Any], b: tuple[float, Any], factor: float = 1.0) -> None:
    """Assert that loss and gradient of `a` are `factor` times those of `b`."""
    assert a[0] == pytest.approx(factor * b[0], rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(a[1], factor * b[1], rtol=0, atol=1e-13)


def test_by_hand() -> None:
    """Two pixels whose p is (1/2, 1/2), labels 0 and 1."""
    z, t = np.zeros((1, 1, 2, 2)), np.array([[[0, 1]]])
    # Class 1: A = 1/2, B = 1/2, C = 1/2. Dice with smoothing 1: (1 + 1) / (1 + 1 + 1) = 2/3.
    assert soft_dice(z, t)[0] == pytest.approx(1 / 3)
    assert soft_dice(z, t, background=True)[0] == pytest.approx(1 / 3)
    # Tversky: (1 + 1) / (1 + 0.3 + 0.7 * 1 + 1) with alpha 0.3 and beta 0.7: the same, as B = C.
    assert tversky(z, t)[0] == pytest.approx(1 / 3)
    # alpha 1, beta 0: 2 / (1 + 1 + 1). T = 2/3, V = 3; v = 2/3 * 2/3 = 4/9, u = 2/3 * (0 - 1).
    # First pixel: h = (0, 4/9); dz = p (h - sum(h p)) = 1/2 (-2/9, 2/9). Second: h = (0, -2/9).
    loss, dz = tversky(z, t, alpha=1.0, beta=0.0)
    assert loss == pytest.approx(1 / 3)
    np.testing.assert_allclose(dz[0, 0], [[-1 / 9, 1 / 9], [1 / 18, -1 / 18]], atol=1e-15)
    # Focal: (1/2)^2 ln 2; g = 1/4 (2 * 1/2 * ln(1/2) / (1/2) - 1) = -1/4 (2 ln 2 + 1).
    loss, dz = focal(z, t)
    assert loss == pytest.approx(math.log(2) / 4)
    g = -(2 * math.log(2) + 1) / 4
    np.testing.assert_allclose(dz[0, 0], [[g / 4, -g / 4], [-g / 4, g / 4]], atol=1e-15)
    assert focal(z, t, alpha=0.25)[0] == pytest.approx(math.log(2) / 8)  # (0.75 + 0.25) / 2


@pytest.mark.parametrize("K", [1, 2, 4])
def test_special_cases(K: int) -> None:
    z, t = problem(K)
    for options in ({}, {"per_image": True, "smoothing": 3.0}, {"background": True}):
        close(tversky(z, t, alpha=0.5, beta=0.5, **options), soft_dice(z, t, **options))
    both = dice_cross_entropy(z, t, dice_weight=0.3, cross_entropy_weight=2.0)
    plain = dice_cross_entropy(z, t, dice_weight=0.0)
    d = soft_dice(z, t)
    close(both, (0.3 * d[0] + 2 * plain[0], 0.3 * d[1] + 2 * plain[1]))
    close(dice_cross_entropy(z, t, cross_entropy_weight=0.0), d)
    if K > 1:
        close(plain, softmax_cross_entropy(z, t))
        close(focal(z, t, gamma=0.0), softmax_cross_entropy(z, t))
    else:
        close(plain, losses.binary_cross_entropy(z, t))
        close(focal(z, t, gamma=0.0), losses.binary_cross_entropy(z, t))


@pytest.mark.parametrize("name", [*OVERLAP, "focal"])
def test_one_logit_is_the_second_of_two(name: str) -> None:
    z, t = problem(1)
    loss, dz = ALL[name](z, t)
    two, dtwo = ALL[name](np.concatenate([np.zeros_like(z), z], axis=-1), t)
    assert loss == two
    assert dz.shape == z.shape
    np.testing.assert_array_equal(dz[..., 0], dtwo[..., 1])


@pytest.mark.parametrize("name", ALL)
def test_a_perfect_prediction_costs_nothing_and_the_opposite_most(name: str) -> None:
    z, t = problem()
    right = 60 * np.eye(3)[t]
    assert ALL[name](right, t)[0] == pytest.approx(0, abs=1e-12)
    assert ALL[name](right, t)[0] < ALL[name](z, t)[0] < ALL[name](right, (t + 1) % 3)[0]
    assert np.abs(ALL[name](right, t)[1]).max() < 1e-12


@pytest.mark.parametrize("name", ALL)
@quick
@given(seed=st.integers(0, 999), K=st.integers(2, 5))
def test_the_order_of_pixels_and_of_classes_does_not_matter(name: str, seed: int, K: int) -> None:
    z, t = problem(K, seed)
    loss, dz = ALL[name](z, t)
    rng = np.random.default_rng(seed)
    order = rng.permutation(t.size)
    mixed = ALL[name](
        z.reshape(-1, K)[order].reshape(z.shape), t.reshape(-1)[order].reshape(t.shape)
    )
    close(mixed, (loss, dz.reshape(-1, K)[order].reshape(z.shape)))
    classes = np.append(0, 1 + rng.permutation(K - 1))  # the background stays where it is
    place = np.argsort(classes)
    close(ALL[name](z[..., classes], place[t]), (loss, dz[..., classes]))


@pytest.mark.parametrize("name", ALL)
def test_a_batch_of_equal_images_is_one_image(name: str) -> None:
    """The mean over images; of sums over a batch, smoothing must be as many times as large."""
    z, t = problem(shape=(1, 4, 5))
    options = {"per_image": True} if name in OVERLAP else {}
    loss, dz = ALL[name](z, t, **options)
    close(ALL[name](np.repeat(z, 3, 0), np.repeat(t, 3, 0), **options),
          (loss, np.repeat(dz, 3, 0) / 3))  # fmt: skip
    if name in OVERLAP:
        close(ALL[name](np.repeat(z, 3, 0), np.repeat(t, 3, 0), smoothing=3.0),
              (loss, np.repeat(dz, 3, 0) / 3))  # fmt: skip


@pytest.mark.parametrize("name", OVERLAP)
def test_images_by_themselves_are_not_the_batch(name: str) -> None:
    z, t = problem()
    each = [OVERLAP[name](z[n : n + 1], t[n : n + 1]) for n in range(2)]
    mean = np.mean([loss for loss, _ in each]), np.concatenate([dz for _, dz in each]) / 2
    close(OVERLAP[name](z, t, per_image=True), mean)
    assert abs(OVERLAP[name](z, t)[0] - mean[0]) > 1e-4


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("K", [1, 3])
def test_masks_without_anything(name: str, K: int) -> None:
    """No pixel of any foreground class, and not one pixel that counts."""
    if name == "softmax_cross_entropy" and K == 1:
        K = 2
    z, _ = problem(K)
    empty = np.zeros(z.shape[:-1], int)
    for options in ({}, {"sample_weight": np.zeros(empty.shape)}, {"ignore_class": 0}):
        loss, dz = ALL[name](z, empty, **options)
        assert math.isfinite(loss)
        assert np.isfinite(dz).all()
        if options:
            assert loss == 0
            assert not dz.any()
    toward = -z if K == 1 else np.eye(K)[empty] * 60.0
    assert ALL[name](np.full_like(z, -60.0) if K == 1 else toward, empty)[0] < 1e-9


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("weigh", [True, False])
def test_pixels_that_weigh_nothing_or_are_ignored_are_as_if_cut_off(name: str, weigh: bool) -> None:
    z, t = problem()
    cut = ALL[name](z[:, :3], t[:, :3])
    seen = np.ones(t.shape)
    seen[:, 3:] = 0
    if weigh:  # a mean over all pixels, weighed or not, is as much smaller as there are fewer
        factor = 1 if name in ("soft_dice", "tversky") else 0.75
        if name == "dice_cross_entropy":
            cut = ALL[name](z[:, :3], t[:, :3], cross_entropy_weight=0.75)
            factor = 1
        loss, dz = ALL[name](z, t, sample_weight=seen)
    else:
        factor = 1
        loss, dz = ALL[name](z, np.where(seen, t, 255), ignore_class=255)
        z[:, 3:] = 1e3
        again = ALL[name](z, np.where(seen, t, 255), ignore_class=255)
        assert again[0] == loss
        np.testing.assert_array_equal(again[1], dz)
    assert not dz[:, 3:].any()
    close((loss, dz[:, :3]), cut, factor)


@pytest.mark.parametrize("name", ALL)
def test_weights(name: str) -> None:
    """Whole numbers count a pixel again; class weights times two are twice the loss."""
    z, t = problem()
    if name in ("soft_dice", "tversky"):
        twice = ALL[name](np.repeat(z, 2, 1), np.repeat(t, 2, 1))
        loss, dz = ALL[name](z, t, sample_weight=np.full(t.shape, 2.0))
        close((loss, np.repeat(dz, 2, 1) / 2), twice)
    elif name != "dice_cross_entropy":
        close(ALL[name](z, t, sample_weight=np.full(t.shape, 2.0)), ALL[name](z, t), 2.0)
    close(ALL[name](z, t, class_weight=[2, 2, 2]), ALL[name](z, t), 2.0)
    close(ALL[name](z, t, class_weight={1: 3.0}), ALL[name](z, t, class_weight=[1, 3, 1]))
    assert abs(ALL[name](z, t, class_weight={1: 3.0})[0] - ALL[name](z, t)[0]) > 1e-3
    image = np.array([0.5, 3.0])
    close(
        ALL[name](z, t, sample_weight=image),
        ALL[name](z, t, sample_weight=np.broadcast_to(image[:, None, None], t.shape)),
    )


def test_prices_of_too_many_and_too_few() -> None:
    """Where everything is predicted, alpha alone counts; where nothing is, beta alone."""
    t = np.array([[0, 0, 0, 1]])
    for z, alpha, beta in ((60.0, 0.2, 9.0), (-60.0, 9.0, 0.8)):
        logits = np.full((1, 4, 1), z)
        A, B, C = (1, 3, 0) if z > 0 else (0, 0, 1)
        expected = 1 - (2 * A + 1) / (2 * A + 2 * alpha * B + 2 * beta * C + 1)
        assert tversky(logits, t, alpha=alpha, beta=beta)[0] == pytest.approx(expected)


def test_more_gamma_looks_away_from_what_is_right() -> None:
    z, t = np.array([[0.0, 4.0], [0.0, -1.0]]), np.array([1, 1])
    share = [
        abs(d[0, 0] / d[1, 0]) for d in (focal(z, t, gamma=g)[1] for g in (0.0, 0.5, 2.0, 5.0))
    ]
    assert share == sorted(share, reverse=True)
    assert share[-1] < 1e-4 * share[0]
    for gamma in (0.0, 0.5, 1.0, 2.0):  # at p = 1 to the last bit
        loss, dz = focal(np.array([[0.0, 800.0]]), [1], gamma=gamma)
        assert loss == 0
        np.testing.assert_array_equal(dz, 0)


@pytest.mark.parametrize("name", ALL)
def test_rows_in_place_of_labels(name: str) -> None:
    z, t = problem()
    close(ALL[name](z, np.eye(3)[t]), ALL[name](z, t))
    close(ALL[name](z, t[..., None]), ALL[name](z, t))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_gradients_with_every_option(name: str, seed: int, rung: str) -> None:
    z, t = problem(4, seed)
    rng = np.random.default_rng(seed)
    t[0, 0] = 9
    options: dict[str, Any] = {"class_weight": [1, 0.5, 2, 3], "ignore_class": 9}
    options |= {"sample_weight": rng.uniform(0, 2, t.shape)}
    if name in OVERLAP:
        options |= {"per_image": seed == 1, "background": seed == 2, "smoothing": 0.1}
    options |= {"gamma": [0.5, 1.0, 3.0][seed]} if name == "focal" else {}
    check_loss(lambda y, q: ALL[name](y, q, **options), z, t).raise_if_failed()


@pytest.mark.parametrize("name", ALL)
def test_nan_is_not_hidden(name: str) -> None:
    z, t = problem()
    z[1, 2, 3, 1] = np.nan
    loss, dz = ALL[name](z, t)
    assert math.isnan(loss)
    assert np.isnan(dz[1, 2, 3]).any()


Z, T = np.zeros((2, 3, 4, 3)), np.zeros((2, 3, 4), int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: focal(Z, T, gamma=-1), ValueError, "gamma must be from 0"),
        (lambda: focal(Z, T, alpha=0.3), ValueError, "for two classes, got 0.3 for 3"),
        (lambda: focal(Z[..., :2], T, alpha=1.5), ValueError, "alpha must be from 0 to 1"),
        (lambda: soft_dice(Z, T, smoothing=0), ValueError, "smoothing must be above 0"),
        (lambda: tversky(Z, T, alpha=-0.1), ValueError, "tversky: alpha must not be negative"),
        (lambda: dice_cross_entropy(Z, T, dice_weight=-1), ValueError, "dice_weight must not be"),
        (lambda: soft_dice(Z, T[:, 1:]), ValueError, r"\(2, 2, 4\), logits \(2, 3, 4, 3\)"),
        (lambda: soft_dice(Z, T + 3), ValueError, r"label 3 at \(0, 0, 0\) is not one of 0 to 2"),
        (lambda: soft_dice(Z, T + 0.5), ValueError, r"label 0.5 at \(0, 0, 0\)"),
        (lambda: soft_dice(Z, np.full(T.shape, np.nan)), ValueError, "NaN"),
        (lambda: soft_dice(Z[..., :1], T + 2), ValueError, "label 2 at"),
        (lambda: soft_dice(Z.astype(int), T), TypeError, "int64"),
        (lambda: soft_dice(Z[:0], T[:0]), ValueError, "at least one sample"),
        (lambda: soft_dice(Z[0, 0, 0], 1), ValueError, r"must have shape \(N, K\)"),
        (lambda: soft_dice(Z, T, class_weight=[1, 2]), ValueError, r"\(2,\); \(3,\) is needed"),
        (lambda: soft_dice(Z, T, sample_weight=[1.0]), ValueError, "one for each label"),
        (lambda: focal(Z, T, sample_weight=T - 1), ValueError, "finite and not negative"),
    ],
)
def test_errors_are_one_clear_line(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_options_behind_a_partial() -> None:
    from functools import partial

    inner = partial(tversky, alpha=0.1, beta=0.9)
    assert losses.split("dice") == (soft_dice, {})
    assert losses.split(partial(inner, beta=0.5)) == (tversky, {"alpha": 0.1, "beta": 0.5})
    whole = partial(soft_dice, Z)
    assert losses.split(whole) == (whole, {})
