"""Filters in panels: what the micro-kernel reads as B.

All rows k of one panel of columns lie behind each other, zeros where columns are missing. A group
of a convolution has panels of its own.
"""

from __future__ import annotations

from . import memory, threads
from .copies import make_copy
from .jit import VECTOR_BYTES, U, kernel, panel_width
from .transpose import transpose

_copy_panel4, _copy_panel8 = make_copy(panel_width(4)), make_copy(panel_width(8))


@kernel
def copy_panel(source, a, target, b):
    """Copy the columns of one panel: target[b:] = source[a : a + panel_width]."""
    if source.itemsize == 4:
        _copy_panel4(source, a, target, b)
    else:
        _copy_panel8(source, a, target, b)


@kernel
def _pack(first, last, w, rows, columns, groups, panels, panel, packed):
    """packed[panel, r, l] = w[r, column]; items are the rows r, each a tap and an input channel.

    A group has `columns` columns in `panels` panels.
    """
    for r in range(first, last):
        for q in range(groups * panels):
            group = q // panels
            column = (q - group * panels) * panel
            a = (r * groups + group) * columns + column
            b = (q * rows + r) * panel
            there = min(panel, columns - column)
            if there == panel:
                copy_panel(w, a, packed, b)
            else:
                for l in range(there):
                    packed[U(b + l)] = w[U(a + l)]
                for l in range(there, panel):
                    packed[U(b + l)] = 0


@kernel
def _pack_turned(first, last, w, taps, depth, columns, groups, panels, panel, packed):
    """packed[panel, t, k, l] = w[taps - 1 - t, column, k]: inputs and outputs exchanged.

    Items are the panels. The last axis of w has `depth` numbers k for each group.
    """
    for q in range(first, last):
        group = q // panels
        column = (q - group * panels) * panel
        there = min(panel, columns - column)
        for t in range(taps):
            start = ((taps - 1 - t) * columns + column) * groups * depth + group * depth
            place = (q * taps + t) * depth * panel
            turn_panel(w, start, groups * depth, there, depth, packed, place, panel)


@kernel
def turn_panel(w, start, step, there, depth, packed, place, panel):
    """packed[place + k * panel + l] = w[start + l * step + k], zeros from l = `there` on."""
    lanes = VECTOR_BYTES // w.itemsize
    for k0 in range(0, depth, lanes):
        for l0 in range(0, panel, lanes):
            a, b = start + l0 * step + k0, place + k0 * panel + l0
            if k0 + lanes <= depth and l0 + lanes <= there:
                transpose(w, a, step, packed, b, panel)
                continue
            for k in range(min(lanes, depth - k0)):
                for l in range(lanes):
                    packed[U(b + k * panel + l)] = w[U(a + l * step + k)] if l0 + l < there else 0


def in_panels(w, rows, columns, groups):
    """Return w (rows, groups * columns) in panels, their number in a group, and their width.

    That is w itself where it is as wide as one.
    """
    panel = panel_width(w.itemsize)
    if groups == 1 and columns == panel:
        return memory.flat(w), 1, panel
    return _run(_pack, rows, w, rows, (rows,), columns, groups)


def turned_in_panels(w, taps, depth, columns, groups):
    """Return w (taps, columns, groups * depth), taps turned, depth and columns exchanged."""
    return _run(_pack_turned, None, w, taps * depth, (taps, depth), columns, groups)


def _run(pack, items, w, rows, sizes, columns, groups):
    panel = panel_width(w.itemsize)
    panels = -(-columns // panel)
    packed = memory.empty((groups * panels * rows * panel,), w.dtype)
    items = groups * panels if items is None else items
    args = (memory.flat(w), *sizes, columns, groups, panels, panel, packed)
    threads.run(pack, items, args, 2 * packed.nbytes / threads.BYTES_PER_SECOND)
    return packed, panels, panel
