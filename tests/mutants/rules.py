"""The mistakes of arithmetic and of indices in a backward pass, as rules on the syntax tree.

A rule takes one node of a right function and yields what a wrong one has in its place. It knows
nothing of the function: where it applies, it applies everywhere. Every rule is a mistake that
people make when they derive by hand. Those of control flow are in `flow.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

# Settings, not data: an index on one of them chooses an axis, or the side of the padding.
SETTINGS = {"stride", "padding", "dilation", "window", "x_shape", "w_shape"}
# Variables that stand for one thing along two axes.
PARTNERS = {"r": "q", "q": "r", "u": "v", "v": "u", "i": "j", "j": "i", "H": "W", "W": "H"}
PARTNERS |= {"OH": "OW", "OW": "OH", "KH": "KW", "KW": "KH"}


def before(index: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """Return the place before an index: before the first one stands the last, as NumPy counts.

    Of a tuple, the place one earlier along the first axis. Mutants of `index_shift` call it.
    """
    return (index[0] - 1, *index[1:]) if isinstance(index, tuple) else index - 1


def sign(node: ast.AST) -> Iterator[ast.AST]:
    """Put + for -, - for +; drop a leading minus."""
    flipped = {ast.Add: ast.Sub, ast.Sub: ast.Add}
    if isinstance(node, ast.BinOp) and type(node.op) in flipped:
        yield ast.BinOp(node.left, flipped[type(node.op)](), node.right)
    if isinstance(node, ast.AugAssign) and type(node.op) in flipped:
        yield ast.AugAssign(node.target, flipped[type(node.op)](), node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def missing_term(node: ast.AST) -> Iterator[ast.AST]:
    """Leave out one side of a sum or a difference."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield node.left
        yield node.right


def missing_factor(node: ast.AST) -> Iterator[ast.AST]:
    """Leave out one side of a product, or the function around a number."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield node.left
        yield node.right
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"np.exp", "np.log", "np.tanh"}:
        yield node.args[0]


def scale(node: ast.AST) -> Iterator[ast.AST]:
    """Forget a division, or multiply instead; multiply or divide the result by N."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield node.left
        yield ast.BinOp(node.left, ast.Mult(), node.right)
    if (
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Tuple)
        and (
            len(node.value.elts) == 3  # several gradients
        )
    ):
        for k in range(3):
            parts = [ast.unparse(g) for g in node.value.elts]
            parts[k] += " * len(dy)"
            yield _statement(f"return ({', '.join(parts)})")
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        loss, gradient = node.value.elts  # a loss returns both
        value, dy = ast.unparse(loss), ast.unparse(gradient)
        yield _statement(f"return ({value}, {dy} * len({dy}))")
        yield _statement(f"return ({value}, {dy} / len({dy}))")
    elif isinstance(node, ast.Return):
        dx = ast.unparse(node.value)
        yield _statement(f"return {dx} * len(dy)")
        yield _statement(f"return {dx} / len(dy)")


def transpose(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange two indices that stand next to each other."""
    if not isinstance(node, ast.Subscript):
        return
    if isinstance(node.slice, ast.Tuple):
        for k in range(len(node.slice.elts) - 1):
            indices = list(node.slice.elts)
            indices[k : k + 2] = indices[k + 1], indices[k]
            yield ast.Subscript(node.value, ast.Tuple(indices, ast.Load()), node.ctx)
    inner = node.value
    if isinstance(inner, ast.Subscript) and ast.dump(inner.slice) != ast.dump(node.slice):
        row = ast.Subscript(inner.value, node.slice, ast.Load())
        yield ast.Subscript(row, inner.slice, node.ctx)


def index_shift(node: ast.AST) -> Iterator[ast.AST]:
    """Read or write one place too early."""
    if not isinstance(node, ast.Subscript) or root(node) in SETTINGS | {"shape"}:
        return
    indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for k, index in enumerate(indices):
        shifted = [*indices]
        shifted[k] = ast.Call(ast.Name("before", ast.Load()), [index], [])
        place = ast.Tuple(shifted, ast.Load()) if len(shifted) > 1 else shifted[0]
        yield ast.Subscript(node.value, place, node.ctx)


def wrong_axis(node: ast.AST) -> Iterator[ast.AST]:
    """Take rows for columns, the padding behind for that before, one variable for its partner."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in PARTNERS:
        yield ast.Name(PARTNERS[node.id], ast.Load())
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and root(node) in SETTINGS
    ):
        other = {0: 1, 1: 0, 2: 1}[node.slice.value]
        if root(node) == "x_shape":
            other = 3 - node.slice.value  # of the four axes, the two of the image
        yield ast.Subscript(node.value, ast.Constant(other), node.ctx)


def constant(node: ast.AST) -> Iterator[ast.AST]:
    """Put 1 for 2, 2 for 1: a number that is off by one, in a product or a sum."""
    if not isinstance(node, ast.BinOp):
        return
    for side in ("left", "right"):
        number = getattr(node, side)
        if isinstance(number, ast.Constant) and isinstance(number.value, int):
            wrong = ast.Constant(number.value + 1 if number.value < 2 else number.value - 1)
            parts = {"left": node.left, "right": node.right, side: wrong}
            yield ast.BinOp(parts["left"], node.op, parts["right"])


def ones(node: ast.AST) -> Iterator[ast.AST]:
    """Put ones for the gradient that arrives: for dy where it is read."""
    reads = (isinstance(node, ast.Call) and ast.unparse(node) == "_wide(dy)") or (
        isinstance(node, ast.Subscript) and ast.unparse(node.value) == "dy"
    )
    if reads and not isinstance(getattr(node, "ctx", None), ast.Store):
        yield ast.parse(f"np.ones_like({ast.unparse(node)})", mode="eval").body


def root(node: ast.AST) -> str:
    """Return the name that is indexed, `shape` for any `array.shape`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return getattr(node, "id", getattr(node, "attr", ""))


def _statement(text: str) -> ast.stmt:
    """Parse a `return`, which may stand in a function only."""
    return ast.parse(f"def f():\n    {text}").body[0].body[0]
