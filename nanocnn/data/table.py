"""A CSV or JSON table of paths, labels, patients, parts and masks.

Columns: `path`, and `label` or `mask` or both; `patient` or `group`; `split`. A CSV file has a
first line with these names, divided by comma, semicolon or tab; a JSON file is a list of objects
with these keys. Other columns are not read. Names of columns may have capitals.

- `path` lies below the folder of the table (or of `root=`). It is a file, or a folder that holds a
  DICOM series; all images in it get the label.
- `patient` becomes a pseudonym; `group` is kept as it stands.
- `split` is train, val or test (or training, valid, validation, testing).
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from .errors import DataError
from .folders import PART_NAMES
from .listing import UNLABELLED, Listing
from .privacy import pseudonym
from .readers import Options

MAX_BYTES = 100 * 2**20
COLUMNS = ("path", "label", "patient", "group", "split", "mask")

Row = dict[str, str]


def scan_table(path: Path, options: Options) -> Listing:
    """Read a table; every file that it names must be there.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column, or has a row with an empty or impossible entry; the
        row is told by its number, the first after the head being 1.
    """
    name = f"table {path.name!r}"
    rows = _read(path, name)
    columns = {column for row in rows for column in row}
    _check_columns(columns, rows, name)
    for number, row in enumerate(rows, 1):
        empty = [column for column in COLUMNS if column in columns and not row.get(column)]
        if empty:
            raise DataError(f"{name}, row {number}: {empty[0]} is empty; fill it in")
    paths = [_place(row["path"], options.root, f"{name}, row {n}") for n, row in enumerate(rows, 1)]
    masks = None
    if "mask" in columns:
        masks = [
            _place(row["mask"], options.root, f"{name}, row {n}") for n, row in enumerate(rows, 1)
        ]
    classes = _classes([row["label"] for row in rows], name) if "label" in columns else UNLABELLED
    number_of = {label: k for k, label in enumerate(classes)}
    return Listing(
        name,
        paths,
        [number_of[row["label"]] if "label" in columns else 0 for row in rows],
        classes,
        [_part(row["split"], f"{name}, row {n}") for n, row in enumerate(rows, 1)]
        if "split" in columns
        else [],
        [],
        groups=_groups(rows, columns, options.key),
        masks=masks,
        in_order=True,
    )


def _read(path: Path, name: str) -> list[Row]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{name} has more than {MAX_BYTES >> 20} MB; divide it")
        text = path.read_text("utf-8-sig")
        rows = _parse_json(text) if path.suffix.lower() == ".json" else _parse_csv(text)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror}); check the file") from error
    except Exception as error:  # of the decoder, the parser, or of the wrong types inside
        raise DataError(
            f"{name} is no table ({type(error).__name__}); needed is UTF-8 text: CSV with a line "
            "of names, or a JSON list of objects"
        ) from None
    if not rows:
        raise DataError(f"{name} has no rows; needed is one for each file")
    return rows


def _parse_csv(text: str) -> list[Row]:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    names = [column.strip().lower() for column in lines[0]]
    wanted = {column: names.index(column) for column in COLUMNS if column in names}
    rows = []
    for line in lines[1:]:
        if not any(line):
            continue
        rows.append({c: line[k].strip() if k < len(line) else "" for c, k in wanted.items()})
    return rows


def _parse_json(text: str) -> list[Row]:
    rows = []
    for item in json.loads(text):
        lower = {key.lower(): value for key, value in item.items()}
        rows.append({c: _as_text(lower[c]) for c in COLUMNS if c in lower})
    return rows


def _as_text(value: Any) -> str:
    if not isinstance(value, str | int | float | None):
        raise TypeError
    return "" if value is None else str(value).strip()


def _check_columns(columns: set[str], rows: list[Row], name: str) -> None:
    if "path" not in columns or not columns & {"label", "mask"}:
        raise DataError(
            f"{name} has the columns {', '.join(sorted(columns)) or 'none of those known'}; needed "
            f"are path, and label or mask; known are {', '.join(COLUMNS)}"
        )
    if {"patient", "group"} <= columns:
        raise DataError(f"{name} has patient and group; keep one of them")


def _place(text: str, root: Path, where: str) -> Path:
    """Return the file below the root; the error does not show a path that leads elsewhere."""
    if "\0" in text:
        raise DataError(f"{where}: the path holds a null character; correct it")
    place = Path(os.path.normpath(root / text))
    if not place.is_relative_to(os.path.normpath(root)) or place == Path(os.path.normpath(root)):
        raise DataError(
            f"{where}: the path leads out of the folder of the table; give root=, the folder that "
            "holds all files"
        )
    place = root / place.relative_to(os.path.normpath(root))
    if not os.path.exists(place):
        raise DataError(f"{where}: no such file: {text!r}; paths start at the table's folder")
    return place


def _classes(labels: list[str], name: str) -> tuple[str, ...]:
    """Return the names sorted; numbers by their value, so that label 10 follows 9."""
    names = set(labels)
    if len(names) < 2:
        raise DataError(
            f"{name} has one label only, {labels[0]!r}; a classifier needs two or more: add rows"
        )
    numeric = all(name.isascii() and name.isdigit() and len(name) < 10 for name in names)
    return tuple(sorted(names, key=int) if numeric else sorted(names))


def _part(text: str, where: str) -> str:
    part = PART_NAMES.get(text.lower())
    if part is None:
        raise DataError(f"{where}: split is {text!r}; needed is train, val or test")
    return part


def _groups(rows: list[Row], columns: set[str], key: bytes | None) -> list[str] | None:
    if "group" in columns:
        return [row["group"] for row in rows]
    if "patient" in columns:
        return [pseudonym(row["patient"], key) for row in rows]
    return None
