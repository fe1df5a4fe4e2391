"""The checker rejects every wrong backward pass and loss; what it accepts is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nanocnn.gradcheck.cases import exported_layers, exported_losses, exported_ops

from . import census
from .cases import CASES
from .chosen import chosen
from .edges import ties
from .source import all_mutants, targets
from .uncounted import EQUIVALENT, OTHER_LOSS
from .verdict import Outcome, judge, judge_layer, judge_loss, judge_wrapped
from .wrapped import wrapped
from .wrapped_layers import wrapped_layers
from .wrapped_losses import wrapped_losses

README = Path(__file__).parents[2] / "README.md"


def test_no_wrong_pass_is_accepted():
    missed = {n for n, j in census.judgements().items() if Outcome.MISSED in j.outcomes}
    assert missed == set(OTHER_LOSS)


def test_no_right_pass_is_rejected():
    assert [n for n, j in census.judgements().items() if Outcome.FALSE_ALARM in j.outcomes] == []


def test_what_is_accepted_is_the_same_function_or_shown_by_whole_numbers():
    same = {n for n in census.accepted() if {*census.judgements()[n].outcomes} == {Outcome.SAME}}
    assert same - set(census.shown_at_edges()) == set(EQUIVALENT)


def test_few_end_in_an_exception():
    raised = [
        n for n, j in census.judgements().items() if Outcome.RAISED in j.outcomes and not j.rejected
    ]
    assert len(raised) < 0.05 * len(census.judgements())


def test_every_operation_and_loss_has_cases():
    assert set(CASES) == {*exported_ops(), *exported_losses()}


@pytest.mark.parametrize("name", [*targets(), *exported_ops(), *exported_losses()])
def test_every_function_has_wrong_variants(name):
    assert sum(census.function_of(n) == name for n in census.counted()) >= 5


@pytest.mark.parametrize("layer", exported_layers())
def test_every_layer_has_wrong_variants(layer):
    assert sum(census.function_of(n) == layer for n in census.counted()) >= 4


def test_every_batch_has_two_samples():
    assert all(case.shapes[0][0] >= 2 for cases in CASES.values() for case in cases)


def test_those_chosen_before_the_checker_was_finished_are_counted_still():
    """Half of all that there were then; the list does not grow with the operations."""
    first, counted = census.chosen_first(), census.counted()
    assert len(first) == len(set(first)) == 648
    assert set(first) <= set(counted)


def test_the_count_is_the_readme_s(capsys):
    count, shown = len(census.counted()), len(census.shown_at_edges()) + len(ties())
    same, other = len(EQUIVALENT), len(OTHER_LOSS)
    with capsys.disabled():
        print(
            f"\nwrong backward passes and losses rejected: {count} of {count}"
            f" (+ {shown} by whole numbers; {same} the same function and {other} another loss,"
            " listed)"
        )
    # A new operation brings new mutants: put the printed numbers into the README.
    section = README.read_text("utf-8").split("## Evidence")[1].split("\n## ")[0]
    numbers = [int(n) for n in re.findall(r"\*\*(\d+)\*\*", section)]
    assert numbers == [count, len(census.chosen_first()), shown, same, other]
    assert count >= 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_case_of_every_mutant_agrees(seed):
    """Wherever a mutant gives other numbers it is rejected, wherever not it is accepted."""
    judged = {name: judge(m, seed) for name, m in all_mutants().items()}
    judged |= {m.name: judge_wrapped(m, seed) for m in [*wrapped(), *chosen()]}
    judged |= {m.name: judge_loss(m, seed) for m in wrapped_losses()}
    judged |= {m.name: judge_layer(m, seed) for m in wrapped_layers() if m.name in census.counted()}
    bad = {Outcome.MISSED, Outcome.FALSE_ALARM}
    assert {n for n, j in judged.items() if bad & {*j.outcomes}} == set(OTHER_LOSS)
