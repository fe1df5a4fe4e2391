"""U-Net and ResNet-18 as the peers compute them: what is counted, and the weights' order."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import networks
from benchmarks.peer_libraries.nanocnn_networks import Train, build
from benchmarks.workloads import make_data, network_workloads


def test_a_step_counted_by_hand() -> None:
    s = networks.Shapes()
    x = s.norm_relu(s.conv((2, 5, 4, 3), 6, 3, stride=2))
    assert x == (2, 3, 2, 6)
    assert s.up(x, 7) == (2, 6, 4, 7)
    assert s.mean_dense(x, 2) == (2, 2)
    assert s.weights == [(3, 3, 3, 6), (6,), (6,), (2, 2, 7, 6), (7,), (6, 2), (2,)]
    assert s.multiply_adds == 2 * 3 * 2 * 9 * 3 * 6 + 2 * 3 * 2 * 4 * 6 * 7 + 2 * 6 * 2
    assert s.maps == [72, 72, 2 * 6 * 4 * 7, 4]


def test_operations_of_the_networks() -> None:
    unet, resnet = network_workloads()
    # The first block of U-Net without dx of its first layer, and what is right of it.
    assert unet.flops() == pytest.approx(36.1e9, rel=0.01)
    assert resnet.flops() == pytest.approx(6 * 64 * 456e6, rel=0.01)  # 0.46 G multiply-adds each
    assert unet.bytes() > 4 * 5 * 8 * 128 * 128 * 16 * 8


@pytest.mark.parametrize("network", networks.NETWORKS)
def test_weights_go_where_they_belong(network: str) -> None:
    shapes = [p.shape for p in build(network).params.values()]
    assert shapes == networks.cost(network).weights
    weights = networks.weights_of(networks.make_data(network))
    for name, w in zip(build(network).params, weights, strict=True):
        kind = name.rpartition(".")[2]
        if kind in ("gamma", "beta", "b"):
            np.testing.assert_array_equal(w, float(kind == "gamma"))
        else:
            assert 0 < np.abs(w).max() < 6


@pytest.mark.compiled
def test_a_step_learns() -> None:
    unet, _ = network_workloads()
    losses = Train("unet", make_data(unet)).outputs()["losses"]
    assert losses[0] > losses[1] > losses[2]
