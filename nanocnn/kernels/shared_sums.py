"""A small constant matrix times a few vectors, where sums that rows share are made once.

    -4 x1 - 4 x2 + x3 + x4  =  even + odd          even = x4 - 4 x2
     4 x1 - 4 x2 - x3 + x4  =  even - odd           odd  = x3 - 4 x1

Two rows that differ only in signs need four operations here, and six on their own. It is the same
with the sum and the difference of two vectors that all rows take with the same factors, but for
signs. A factor that a sum shares is left for the multiply-add in which the sum is used:

    -2 x1 - x2 + 2 x3 + x4  =  even + 2 odd        even = x4 - x2
     2 x1 - x2 - 2 x3 + x4  =  even - 2 odd        odd  = x3 - x1

Winograd's B then needs 12 operations where its rows one by one need 16.

A vector is whatever `ops` works on: an array of NumPy's, or one in the code that is compiled. `ops`
has `add(x, y)`, `subtract(x, y)`, `times(x, factor)` and `add_times(total, x, factor)`.
"""

from __future__ import annotations

from itertools import pairwise


def _alike(rows):
    """Return the rows r that differ from r + 1 in nothing but signs."""
    sizes = [[abs(value) for value in row] for row in rows]
    return [r for r, (this, following) in enumerate(pairwise(sizes)) if this == following]


def _with_sums(ops, matrix, sources):
    """Put x + z and x - z in the places of sources x, z that lie side by side with like factors."""
    columns, sources = [list(column) for column in zip(*matrix, strict=True)], list(sources)
    for c in _alike(columns):
        x, z = sources[c : c + 2]
        sources[c : c + 2] = ops.add(x, z), ops.subtract(x, z)
        pairs = list(zip(*columns[c : c + 2], strict=True))
        columns[c] = [first if first == second else 0 for first, second in pairs]
        columns[c + 1] = [0 if first == second else first for first, second in pairs]
    return list(zip(*columns, strict=True)), sources


def _sum(ops, row, sources):
    """Return sum_k row[k] * sources[k], those with factors 1 and -1 first."""
    total = None
    terms = [(factor, x) for factor, x in zip(row, sources, strict=True) if factor]
    for factor, x in sorted(terms, key=lambda term: (abs(term[0]) != 1, -term[0])):
        if total is None:
            total = x if factor == 1 else ops.times(x, factor)
        else:
            total = _plus(ops, total, x, factor)
    return total


def _plus(ops, total, x, factor):
    if abs(factor) == 1:
        return (ops.add if factor == 1 else ops.subtract)(total, x)
    return ops.add_times(total, x, factor)


def product(ops, matrix, sources):
    """Return matrix @ sources, with the sums that rows or columns share made once."""
    matrix, sources = _with_sums(ops, matrix, sources)
    results = [None] * len(matrix)
    for r in _alike(matrix):
        same = [a == b for a, b in zip(*matrix[r : r + 2], strict=True)]
        even, odd = (
            [factor if s == wanted else 0 for factor, s in zip(matrix[r], same, strict=True)]
            for wanted in (True, False)
        )
        scale = min((factor for factor in odd if factor), key=abs)
        even, odd = _sum(ops, even, sources), _sum(ops, [k / scale for k in odd], sources)
        results[r : r + 2] = _plus(ops, even, odd, scale), _plus(ops, even, odd, -scale)
    return [
        _sum(ops, row, sources) if done is None else done
        for row, done in zip(matrix, results, strict=True)
    ]
