"""The frozen file: small, complete, and what its script makes."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn import layers, losses, optimizers, schedules

from .values import FILE, PARTS, SOURCES, values

EXPORTED = {
    "layers": set(layers.__all__) - {"Layer"},
    "losses": set(losses.__all__) - {"get"},
    "optimizers": set(optimizers.__all__) - {"Optimizer", "get"},
    "schedules": set(schedules.__all__) - {"Schedule"},
}


def test_it_is_small() -> None:
    assert FILE.stat().st_size < 310_000


@pytest.mark.parametrize("part", EXPORTED)
def test_everything_exported_has_a_case(part: str) -> None:
    assert {case.split("/")[0] for case in values("frozen", part).options} == EXPORTED[part]


if "live" in SOURCES:  # where PyTorch is installed

    @pytest.mark.parametrize("part", PARTS)
    def test_it_is_what_the_script_makes(part: str) -> None:
        """PyTorch's float32 depends on the machine, so that run is left out."""
        frozen, live = values("frozen", part), values("live", part)
        assert frozen.options == live.options
        for case, arrays in frozen.arrays.items():
            if case == "article/float32":
                continue
            assert arrays.keys() == live.arrays[case].keys()
            for name, array in arrays.items():
                room = 1e-12 * max(1.0, float(np.abs(array).max()))
                np.testing.assert_allclose(live.arrays[case][name], array, rtol=0, atol=room)
