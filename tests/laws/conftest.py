"""All laws hold on all three backends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nanocnn import BACKENDS, backend


@pytest.fixture(autouse=True, params=BACKENDS)
def rung(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run each test of this folder once on each backend."""
    with backend(request.param):
        yield request.param
