"""Equation tags in use are derived in nanocnn/reference, once, and those derived are used."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import nanocnn

PACKAGE = Path(nanocnn.__file__).parent
MENTION = re.compile(r"\(([A-Z]\d+)\)|\\tag\{([A-Z]\d+)\}")
# An equation in plain text is indented and ends in its tag; one in LaTeX says \tag.
EQUATION = re.compile(r"^ +\S.*  \(([A-Z]\d+)\)$|\\tag\{([A-Z]\d+)\}$", re.MULTILINE)


def tags(pattern: re.Pattern[str], text: str) -> list[str]:
    """Return the tags that the pattern finds, in order."""
    return ["".join(groups) for groups in pattern.findall(text)]


def derived() -> list[str]:
    """Return the tags of all equations in the module docstrings of nanocnn/reference."""
    found = []
    for path in sorted((PACKAGE / "reference").glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False) or ""
        found += tags(EQUATION, docstring)
    return found


def test_each_equation_is_derived_once() -> None:
    assert {"C0", "C1", "P2", "D3", "A10", "S2", "R1", "F2", "O4", "L1"} <= set(derived())
    assert [tag for tag, count in Counter(derived()).items() if count > 1] == []


def test_every_tag_in_use_is_derived() -> None:
    known = set(derived())
    orphans = []
    # `gradcheck` is left out: its tags stand for its own method, and are derived there.
    paths = [p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts[0] != "gradcheck"]
    for path in sorted(paths):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            unknown = [tag for tag in tags(MENTION, line) if tag not in known]
            orphans += [f"{path.relative_to(PACKAGE)}:{number} ({tag})" for tag in unknown]
    assert orphans == []


def test_every_derived_equation_is_used_above_the_rungs() -> None:
    public = [*sorted((PACKAGE / "ops").glob("*.py")), PACKAGE / "losses.py"]
    used = {tag for path in public for tag in tags(MENTION, path.read_text("utf-8"))}
    assert sorted(set(derived()) - used) == []
