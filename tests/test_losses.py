"""Losses: hand-worked numbers, PyTorch's numbers, the loops, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanocnn import losses
from nanocnn._backend import backend
from nanocnn.gradcheck import check_loss
from nanocnn.losses import (
    binary_cross_entropy,
    categorical_crossentropy,
    mean_squared_error,
    softmax_cross_entropy,
)

# PyTorch 2.13, float64: cross_entropy, binary_cross_entropy_with_logits and mse_loss on these
# arrays, gradients by autograd. "weighted" is reduction="none", summed and divided by 4.
Z = np.array([[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.1, 0.2, -1.3], [4.0, -4.0, 0.0]])
LABELS = np.array([0, 1, 2, 1])
SOFT = np.array([[0.2, 0.3, 0.5], [1, 0, 0], [0.6, 0.2, 0.2], [0, 0.5, 0.5]])
YES = np.array([[0.0, 1, 0.3], [1, 1, 0], [0.5, 0, 1], [0, 0, 1]])
TORCH = {
    "plain": (
        3.2454705114715408,
        [
            [-0.0741715059945565, 0.0237957990372937, 0.0503757069572627],
            [0.0015146393743922, -0.226307053829086, 0.2247924144546939],
            [0.1063030080101102, 0.1174829929567364, -0.2237860009668466],
            [0.2454225982063762, -0.249917669890259, 0.0044950716838829],
        ],
    ),
    "smooth": (
        3.152553844804874,
        [
            [-0.0575048393278899, 0.0154624657039604, 0.0420423736239294],
            [-0.0068186939589412, -0.2096403871624194, 0.2164590811213605],
            [0.0979696746767768, 0.1091496596234031, -0.2071193343001799],
            [0.2370892648730428, -0.2332510032235924, -0.0038382616494504],
        ],
    ),
    "weighted": (
        6.922750907903962,
        [
            [-0.0370857529972783, 0.0118978995186469, 0.0251878534786314],
            [0.0030292787487844, -0.4526141076581721, 0.4495848289093877],
            [0.3189090240303306, 0.3524489788702092, -0.6713580029005397],
            [0.4908451964127523, -0.499835339780518, 0.0089901433677658],
        ],
    ),
    "soft": (
        3.4542205114715405,
        [
            [0.1258284940054435, -0.0512042009627063, -0.0746242930427373],
            [-0.2484853606256078, 0.023692946170914, 0.2247924144546939],
            [-0.0436969919898898, 0.0674829929567364, -0.0237860009668466],
            [0.2454225982063762, -0.124917669890259, -0.1205049283161171],
        ],
    ),
    "binary": (
        1.3959839225380861,
        [
            [0.0681312063494703, -0.0518716109334879, 0.0218480417404832],
            [-0.0733997564981569, -0.0267351084020506, 0.0793811772352028],
            [0.0020815989565783, 0.0458194997760398, -0.0654862485868799],
            [0.081834482503159, 0.0014988508301743, -0.0416666666666667],
        ],
    ),
    "squared": (
        5.087916666666667,
        [
            [0.25, -0.25, -0.0083333333333333],
            [-0.5, -0.0416666666666667, 0.5],
            [-0.0666666666666667, 0.0333333333333333, -0.3833333333333333],
            [0.6666666666666666, -0.6666666666666666, -0.1666666666666667],
        ],
    ),
}
CALLS = {
    "plain": lambda z: softmax_cross_entropy(z, LABELS),
    "smooth": lambda z: softmax_cross_entropy(z, LABELS, label_smoothing=0.1),
    "weighted": lambda z: softmax_cross_entropy(z, LABELS, class_weight=[0.5, 2.0, 3.0]),
    "soft": lambda z: softmax_cross_entropy(z, SOFT),
    "binary": lambda z: binary_cross_entropy(z, YES),
    "squared": lambda z: mean_squared_error(z, YES),
}
RUNGS = ("reference", "vectorized")


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("case", CALLS)
def test_equals_pytorch(case, rung):
    with backend(rung):
        loss, dz = CALLS[case](Z)
    expected_loss, expected_dz = TORCH[case]
    assert type(loss) is float
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    np.testing.assert_allclose(dz, expected_dz, rtol=0, atol=2e-16)


@pytest.mark.parametrize("rung", RUNGS)
def test_hand_worked(rung):
    with backend(rung):
        # p = (1/2, 1/2): loss ln 2, gradient p - q.
        loss, dz = softmax_cross_entropy(np.zeros((1, 2)), [1])
        assert loss == pytest.approx(math.log(2), rel=1e-15)
        assert dz.tolist() == [[0.5, -0.5]]
        # r = (1/4, 3/4) from (1, 3); L = ln 4; a = (-4, 0); dp = (a - sum(a r)) / 4.
        loss, dp = categorical_crossentropy(np.array([[1.0, 3.0]]), [0])
        assert loss == pytest.approx(math.log(4), rel=1e-15)
        np.testing.assert_allclose(dp, [[-0.75, 0.25]], rtol=1e-15)
        # sigmoid(0) = 1/2 twice; the mean over two elements.
        loss, dz = binary_cross_entropy(np.zeros(2), [0, 1])
        assert loss == pytest.approx(math.log(2), rel=1e-15)
        assert dz.tolist() == [0.25, -0.25]
        loss, dy = mean_squared_error(np.array([[1.0, 5.0]]), [[3.0, 4.0]])
        assert loss == 2.5
        assert dy.tolist() == [[-2.0, 1.0]]


@pytest.mark.parametrize("rung", RUNGS)
def test_clipping_of_probabilities_is_that_of_keras(rung):
    with backend(rung):
        loss, dp = categorical_crossentropy(np.array([[1.0, 0.0]]), [1])
        assert loss == pytest.approx(-math.log(1e-7), rel=1e-12)
        assert dp.tolist() == [[0.0, 0.0]]
        loss, _ = categorical_crossentropy(np.array([[1.0, 0.0]]), [0])
        assert loss == pytest.approx(1e-7, rel=1e-6)


@st.composite
def problems(draw):
    n = draw(st.integers(1, 6))
    k = draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.1, 1.0, 30.0]))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.complex128]))
    z = rng.normal(0, scale, (n, k)).astype(dtype)
    if dtype is np.complex128:
        z += 1j * rng.normal(0, 0.1, (n, k))
    target = rng.integers(0, k, n) if draw(st.booleans()) else rng.dirichlet(np.ones(k), n)
    weights = rng.uniform(0, 3, k) if draw(st.booleans()) else None
    return z, target, weights, draw(st.sampled_from([0.0, 0.3]))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_numpy_equals_the_loops(problem):
    z, target, weights, smoothing = problem
    options = {"class_weight": weights, "label_smoothing": smoothing}
    p = np.exp(z / max(1.0, np.abs(z).max()))
    t = np.asarray(target) / z.shape[1]
    tables = t if t.ndim == 2 else np.tile(t[:, None], z.shape[1])
    calls = [
        lambda: softmax_cross_entropy(z, target, **options),
        lambda: categorical_crossentropy(p, target, **options),
        lambda: binary_cross_entropy(z, tables, label_smoothing=smoothing),
        lambda: mean_squared_error(z, tables),
    ]
    before = z.copy()
    for call in calls:
        with backend("reference"):
            loss, dz = call()
        with backend("vectorized"):
            loss2, dz2 = call()
        assert type(loss) is type(loss2) is (complex if z.dtype.kind == "c" else float)
        assert loss2 == pytest.approx(loss, rel=1e-12, abs=1e-12)
        assert dz2.dtype == dz.dtype == z.dtype
        assert dz2.shape == dz.shape == z.shape
        eps = np.finfo(z.dtype).eps
        np.testing.assert_allclose(dz2, dz, rtol=8 * eps, atol=64 * np.finfo(float).eps)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("seed", range(5))
def test_gradients(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, (5, 4))
    labels = rng.integers(0, 4, 5)
    soft = rng.dirichlet(np.ones(4), 5)
    weights = [0.5, 1.0, 3.0, 0.0]

    def weighted(y, t):
        return softmax_cross_entropy(y, t, class_weight=weights, label_smoothing=0.2)

    def weighted_probabilities(y, t):
        return categorical_crossentropy(y, t, class_weight=weights, label_smoothing=0.2)

    def weighted_binary(y, t):
        return binary_cross_entropy(y, t, class_weight={1: 4.0}, label_smoothing=0.1)

    for loss, y, target in [
        (softmax_cross_entropy, z, labels),
        (softmax_cross_entropy, z, soft),
        (weighted, z, labels),
        (categorical_crossentropy, rng.uniform(0.1, 1, (5, 4)), labels),
        (weighted_probabilities, rng.dirichlet(np.ones(4) * 3, 5), soft),
        (binary_cross_entropy, z, soft),
        (weighted_binary, z, soft),
        (mean_squared_error, z, soft),
    ]:
        report = check_loss(loss, y, target).raise_if_failed()
        assert [row.method for row in report.rows] == ["complex step"]


def test_weights_are_divided_by_n_not_by_their_sum():
    plain, dz = softmax_cross_entropy(Z, LABELS)
    doubled, dz2 = softmax_cross_entropy(Z, LABELS, class_weight=[2, 2, 2])
    assert doubled == pytest.approx(2 * plain, rel=1e-15)
    np.testing.assert_allclose(dz2, 2 * dz, rtol=1e-15)
    as_dict = softmax_cross_entropy(Z, LABELS, class_weight={1: 5.0})
    as_array = softmax_cross_entropy(Z, LABELS, class_weight=[1, 5, 1])
    assert as_dict[0] == as_array[0]


def test_all_forms_of_labels_agree():
    one_hot = np.eye(3)[LABELS]
    for target in (LABELS[:, None], one_hot, one_hot.astype(int), LABELS.tolist(), LABELS * 1.0):
        loss, dz = softmax_cross_entropy(Z, target)
        expected = softmax_cross_entropy(Z, LABELS)
        assert loss == expected[0]
        np.testing.assert_array_equal(dz, expected[1])
    a = binary_cross_entropy(Z[:, :1], [0, 1, 1, 0])
    b = binary_cross_entropy(Z[:, 0], [[0], [1], [1], [0]])
    assert a[0] == b[0]
    assert a[1].shape == (4, 1)
    assert b[1].shape == (4,)


def test_images_are_averaged_over_every_pixel():
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 5, (2, 3, 4))
    loss, dz = softmax_cross_entropy(z, labels)
    flat_loss, flat_dz = softmax_cross_entropy(z.reshape(24, 5), labels.reshape(24))
    assert loss == pytest.approx(flat_loss, rel=1e-15)  # pixels by a kernel, rows by NumPy
    np.testing.assert_allclose(dz, flat_dz.reshape(z.shape), rtol=0, atol=1e-16)


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits(rung, dtype):
    big = np.array([[3e38, -3e38, 0], [-3e38, 0, 3e38]], dtype)
    with backend(rung):
        loss, dz = softmax_cross_entropy(big, [0, 2])
        assert loss == 0.0
        np.testing.assert_array_equal(dz, np.zeros((2, 3)))
        loss, dz = softmax_cross_entropy(np.array([[1e4, 0.0]], dtype), [1])
        assert loss == pytest.approx(1e4)
        np.testing.assert_allclose(dz, [[1.0, -1.0]])
        loss, dz = binary_cross_entropy(np.array([1e4, -1e4, 1e4], dtype), [1, 0, 0])
        assert loss == pytest.approx(1e4 / 3)
        np.testing.assert_allclose(dz, [0, 0, 1 / 3], rtol=1e-6)


@pytest.mark.parametrize("rung", RUNGS)
def test_nan_outputs_are_not_hidden(rung):
    for position in ([0, 0], [1, 2]):
        z = Z.copy()
        z[tuple(position)] = np.nan
        with backend(rung):
            assert math.isnan(softmax_cross_entropy(z, LABELS)[0])
            assert math.isnan(binary_cross_entropy(z, YES)[0])
            assert math.isnan(mean_squared_error(z, YES)[0])
            assert math.isnan(categorical_crossentropy(np.abs(z), LABELS)[0])


def test_get():
    assert losses.get("sparse_categorical_crossentropy") is categorical_crossentropy
    assert losses.get("binary_crossentropy") is losses.get("binary_cross_entropy")
    assert losses.get("mse") is mean_squared_error

    def own(y, target):
        return 0.0, y

    assert losses.get(own) is own
