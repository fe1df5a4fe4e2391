"""Schedules against the rates that PyTorch's give."""

from __future__ import annotations

import numpy as np

from nanocnn import schedules

from .values import case_of, cases, close


@cases("schedules", "Step", "Cosine", "OneCycle")
def test_factors(source: str, case: str) -> None:
    a, options = case_of(source, "schedules", case)
    schedule = getattr(schedules, case.split("/")[0])(**options["settings"])
    assert len(set(a["factors"].tolist())) >= 3
    close(np.array([schedule.factor(t, options["epochs"]) for t in a["t"]]), a["factors"])


@cases("schedules", "OnPlateau")
def test_plateaus(source: str, case: str) -> None:
    a, options = case_of(source, "schedules", case)
    schedule = schedules.OnPlateau(**options["settings"])
    values = a["values"].tolist()
    assert len(set(a["factors"].tolist())) >= 3
    found = [schedule.factor(values[:k]) for k in range(1, len(values) + 1)]
    close(np.array(found), a["factors"])
