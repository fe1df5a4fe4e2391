"""Make wrong variants of a right function: apply every rule at every node of its source."""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nanocnn import reference

from . import flow, rules

RULES = (
    rules.sign,
    rules.missing_term,
    rules.missing_factor,
    rules.scale,
    rules.transpose,
    rules.index_shift,
    rules.wrong_axis,
    rules.constant,
    rules.ones,
    flow.overwrite,
    flow.left_out,
    flow.gate,
    flow.bound,
    flow.loop,
)


@dataclass(frozen=True)
class SourceMutant:
    """One function with one mistake.

    Attributes
    ----------
    name : str
        Function, equation, rule, and the place in words: "right becomes wrong".
    target : str
        Name of the right function in `nanocnn.reference`.
    function : callable
        The wrong one, with the same parameters.
    """

    name: str
    target: str
    function: Callable[..., Any]


def targets() -> list[str]:
    """Return the names of all backward passes and losses of `nanocnn.reference`."""
    losses = [n for n in reference.__all__ if getattr(reference, n).__module__.endswith(".losses")]
    return [n for n in reference.__all__ if "_backward" in n] + losses


@cache
def all_mutants() -> dict[str, SourceMutant]:
    """Return every mutant that the rules make of `targets()`, by name, in the source's order."""
    return {m.name: m for target in targets() for m in mutants_of(getattr(reference, target))}


def mutants_of(function: Callable[..., Any]) -> Iterator[SourceMutant]:
    """Yield the mutants of one function; where a text occurs twice, the second is numbered."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tags = re.findall(r"\([A-Z]\d+\)", (inspect.getdoc(function) or "").split("\n")[0])
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body = definition.body[1:]  # without the docstring
    variables = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
    seen: Counter[str] = Counter()
    for k, node in _places(definition):
        for rule in RULES:
            for wrong in rule(node):
                if isinstance(wrong, ast.Name) and wrong.id not in variables:
                    continue  # a partner that this function does not have
                before, after = _headline(node), _headline(wrong)
                label = f"{rule.__name__.replace('_', ' ')}: {before} becomes {after}"
                name = f"{' '.join([function.__name__, *tags])}, {label}"
                seen[name] += 1
                name += f" [{seen[name]}]" if seen[name] > 1 else ""
                yield SourceMutant(
                    name, function.__name__, _compile(function, definition, k, wrong)
                )


def _places(definition: ast.FunctionDef) -> list[tuple[int, ast.AST]]:
    """Return the nodes of the body with their numbers in `ast.walk`, in the order of the source.

    Sizes of arrays that are allocated are left alone: wrong ones raise, which is no gradient.
    """
    inside = {id(node) for part in definition.body for node in ast.walk(part)}
    for call in (n for n in ast.walk(definition) if isinstance(n, ast.Call)):
        if ast.unparse(call.func) in {"np.zeros", "np.empty", "np.zeros_like"}:
            inside -= {id(node) for node in ast.walk(call)}
    places = [
        (k, node)
        for k, node in enumerate(ast.walk(definition))
        if id(node) in inside and hasattr(node, "lineno")
    ]
    return sorted(places, key=lambda place: (place[1].lineno, place[1].col_offset, place[0]))


def _headline(node: ast.AST) -> str:
    """Return the node as source; of an `if`, only the condition."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return ast.unparse(node)


def _compile(
    function: Callable[..., Any], definition: ast.FunctionDef, k: int, wrong: ast.AST
) -> Callable[..., Any]:
    """Return the function with node number k replaced."""
    changed = copy.deepcopy(definition)
    _replace(changed, list(ast.walk(changed))[k], copy.deepcopy(wrong))
    # Through text, as new nodes have no line numbers. What a mutant forgets to write must not be
    # whatever the memory holds.
    text = ast.unparse(changed).replace("np.empty(", "poisoned(")
    names = dict(vars(sys.modules[function.__module__]), before=rules.before, poisoned=_poisoned)
    exec(compile(text, f"<mutant of {function.__name__}>", "exec"), names)
    return names[function.__name__]


def _poisoned(shape: Any, dtype: Any) -> Any:
    return np.full(shape, np.nan, dtype)


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(v is old for v in value):
                setattr(parent, field, [new if v is old else v for v in value])
