"""Judge all mutants once, and count: one mistake in two spellings counts once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .chosen import chosen
from .edges import shown_at_the_edge
from .source import all_mutants
from .verdict import (
    Judgement,
    Outcome,
    judge,
    judge_layer,
    judge_loss,
    judge_wrapped,
)
from .wrapped import wrapped
from .wrapped_layers import wrapped_layers
from .wrapped_losses import wrapped_losses

LIST = Path(__file__).with_name("chosen_first.txt")


@cache
def judgements() -> dict[str, Judgement]:
    """Return the judgement of every mutant by name, at seed 0, up to its first rejection."""
    found = {name: judge(m, all_cases=False) for name, m in all_mutants().items()}
    found |= {m.name: judge_wrapped(m) for m in [*wrapped(), *chosen()]}
    found |= {m.name: judge_loss(m) for m in wrapped_losses()}
    found |= {m.name: judge_layer(m) for m in wrapped_layers()}
    return found


@cache
def counted() -> list[str]:
    """Return the names of the mutants that are wrong, that the checker rejects, and that differ."""
    seen: set[tuple[str, bytes]] = set()
    names = []
    for name, judgement in judgements().items():
        mistake = (function_of(name), judgement.numbers)
        if judgement.rejected and mistake not in seen:
            seen.add(mistake)
            names.append(name)
    return names


def function_of(name: str) -> str:
    """Return the function, operation or layer that a mutant's name begins with."""
    return name.split(",")[0].split(":")[0].split(" ")[0]


def accepted() -> set[str]:
    """Return the names of those that the checker accepts in every case that gives numbers."""
    return {
        name
        for name, j in judgements().items()
        if {*j.outcomes} <= {Outcome.SAME, Outcome.MISSED, Outcome.FALSE_ALARM}
    }


@cache
def shown_at_edges() -> list[str]:
    """Return the names of those that the checker cannot see, but whole numbers show."""
    return sorted(
        name
        for name in accepted()
        if name in all_mutants()
        and {*judgements()[name].outcomes} == {Outcome.SAME}
        and shown_at_the_edge(all_mutants()[name].target, all_mutants()[name].function)
    )


def chosen_first() -> list[str]:
    """Return the names in chosen_first.txt."""
    lines = LIST.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
