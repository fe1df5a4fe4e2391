"""Equation tags in use are derived in nanocnn/reference, once, and those derived are used.

A tag such as (D2) stands in the docstring of a module of nanocnn/reference, where it is derived,
beside the loop that equals it, above the rungs (ops, losses, augmentation), and, for the equations
that the article needs, beside a line of code in the example. `article (5)` is the article's own
numbering.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import nanocnn

PACKAGE = Path(nanocnn.__file__).parent
EXAMPLES = Path(__file__).parents[1] / "examples"
WALK = [EXAMPLES / "gradient_math.py", *sorted((EXAMPLES / "gradient_walk").glob("*.py"))]
MENTION = re.compile(r"\(([A-Z]\d+)\)|\\tag\{([A-Z]\d+)\}")
# An equation in plain text is indented and ends in its tag; one in LaTeX says \tag.
EQUATION = re.compile(r"^ +\S.*  \(([A-Z]\d+)\)$|\\tag\{([A-Z]\d+)\}$", re.MULTILINE)
ARTICLE = re.compile(r"article \((\d+)\)")
# What the example walks through: all of dense, softmax, convolution; the rest by number.
WALKED = re.compile(r"[DSC]\d+|A[56]|L[1-4]|P[1-4]|O1")


def tags(pattern: re.Pattern[str], text: str) -> list[str]:
    """Return the tags that the pattern finds, in order."""
    return ["".join(groups) for groups in pattern.findall(text)]


def derived_in(path: Path) -> list[str]:
    """Return the tags of all equations in a module's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False) or ""
    return tags(EQUATION, docstring)


def derived() -> list[str]:
    """Return the tags of all equations in the module docstrings of nanocnn/reference."""
    return [
        tag for path in sorted((PACKAGE / "reference").glob("*.py")) for tag in derived_in(path)
    ]


def beside_loops(path: Path) -> set[str]:
    """Return the tags in the functions of a module, docstrings and comments included."""
    text = path.read_text("utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {tag for f in functions for tag in tags(MENTION, ast.get_source_segment(text, f) or "")}


def beside_code(path: Path, pattern: re.Pattern[str]) -> set[str]:
    """Return the tags in comments that stand behind code on their line."""
    lines = io.StringIO(path.read_text("utf-8")).readline
    return {
        tag
        for token in tokenize.generate_tokens(lines)
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
        for tag in tags(pattern, token.string)
    }


def test_each_equation_is_derived_once() -> None:
    assert {"C0", "C1", "P2", "D3", "A10", "S2", "R1", "F2", "O4", "L1", "G3"} <= set(derived())
    assert [tag for tag, count in Counter(derived()).items() if count > 1] == []


def test_every_tag_in_use_is_derived() -> None:
    known = set(derived())
    orphans = []
    # `gradcheck` is left out: its tags stand for its own method, and are derived there.
    paths = [p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts[0] != "gradcheck"]
    for path in [*sorted(paths), *sorted(EXAMPLES.rglob("*.py"))]:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            unknown = [tag for tag in tags(MENTION, line) if tag not in known]
            orphans += [f"{path.name}:{number} ({tag})" for tag in unknown]
    assert orphans == []


def test_every_derived_equation_stands_beside_its_loop() -> None:
    missing = []
    for path in sorted((PACKAGE / "reference").glob("*.py")):
        missing += sorted(
            f"{path.name} ({tag})" for tag in {*derived_in(path)} - beside_loops(path)
        )
    assert missing == []


def test_every_derived_equation_is_used_above_the_rungs() -> None:
    folders = (PACKAGE / "ops", PACKAGE / "losses", PACKAGE / "data" / "augmentation")
    public = [path for f in folders for path in sorted(f.glob("*.py"))]
    used = {tag for path in public for tag in tags(MENTION, path.read_text("utf-8"))}
    assert sorted(set(derived()) - used) == []


def test_every_equation_of_the_walk_stands_beside_its_code_in_the_example() -> None:
    walked = {tag for tag in derived() if WALKED.fullmatch(tag)}
    assert len(walked) == 22  # 4 D, 2 A, 2 S, 4 L, 5 C, 4 P, 1 O
    used = {tag for path in WALK for tag in beside_code(path, MENTION)}
    assert sorted(walked - used) == []


def test_the_article_s_seven_equations_stand_beside_their_code_under_its_own_numbers() -> None:
    used = {tag for path in WALK for tag in beside_code(path, ARTICLE)}
    assert used == set("1234567")
    mentioned = {tag for path in WALK for tag in tags(ARTICLE, path.read_text("utf-8"))}
    assert mentioned == used
