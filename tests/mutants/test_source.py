"""The checker rejects what the rules make of the backward passes and losses of `reference`."""

from __future__ import annotations

import pytest

from .source import all_mutants, targets
from .verdict import judge


@pytest.mark.parametrize("target", targets())
def test_nothing_wrong_is_accepted(target):
    judged = {n: judge(m, all_cases=False) for n, m in all_mutants().items() if m.target == target}
    assert sum(j.rejected for j in judged.values()) >= 5
