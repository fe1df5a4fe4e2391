"""The mistakes of control flow in a backward pass, as rules on the syntax tree; see `rules.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .rules import root


def overwrite(node: ast.AST) -> Iterator[ast.AST]:
    """Put = for +=: the last term replaces the sum."""
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=node.lineno)


def left_out(node: ast.AST) -> Iterator[ast.AST]:
    """Forget a statement that writes to an array or adds to a sum."""
    writes = isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    )
    if writes:
        yield ast.Pass()


def gate(node: ast.AST) -> Iterator[ast.AST]:
    """Turn a condition round, or take each of its branches always."""
    if isinstance(node, ast.If):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield ast.If(ast.Constant(True), node.body, node.orelse)


def bound(node: ast.AST) -> Iterator[ast.AST]:
    """Put < for <= and the like: one place is counted in or left out."""
    other = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if type(op) in other:
                ops = [*node.ops[:k], other[type(op)](), *node.ops[k + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)


def loop(node: ast.AST) -> Iterator[ast.AST]:
    """Begin a loop one too late, or end it one too early."""
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    if name == "range":
        first = node.args[0] if len(node.args) == 2 else ast.Constant(0)
        yield ast.Call(node.func, [_plus(first, 1), node.args[-1]], [])
        yield ast.Call(node.func, [first, _plus(node.args[-1], -1)], [])
    if name == "np.ndindex" and not isinstance(node.args[0], ast.Starred):
        for k, size in enumerate(node.args):
            if root(size) != "shape":  # all axes at once: the next rule but one
                args = [*node.args[:k], _plus(size, -1), *node.args[k + 1 :]]
                yield ast.Call(node.func, args, [])
    if name == "np.ndindex" and isinstance(node.args[0], ast.Starred):
        yield ast.parse(f"list({ast.unparse(node)})[1:]", mode="eval").body


def _plus(size: ast.expr, number: int) -> ast.expr:
    op = ast.Add() if number > 0 else ast.Sub()
    return ast.BinOp(size, op, ast.Constant(abs(number)))
