"""Find the images of a folder with one subfolder per class, split into parts or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .errors import DataError
from .kinds import kind_of
from .listing import UNLABELLED, Listing

PART_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_JUNK = frozenset(("thumbs.db", "desktop.ini", "__macosx"))  # and every name that starts with a dot
_LAYOUT = "needed is one subfolder per class, with the images of the class in it"


def scan_folder(root: Path) -> Listing:
    """List the images below `root`.

    The classes are the names of the subfolders, sorted; deeper folders count to their class. DICOM
    and NIfTI files in a folder without subfolders are taken as one class, "unlabelled". A
    folder with "train" and "test" or "val" inside (also "training", "valid", "validation",
    "testing", in any case) is taken as divided, and each part must have the same classes.

    Files whose names do not end like an image's, and images outside the class folders, are not
    taken: they are listed in `ignored` and counted in one warning. Hidden files, `Thumbs.db`,
    `desktop.ini` and `__MACOSX` are passed over without a word.
    """
    name = root.resolve().name
    try:
        return _scan(root, name)
    except OSError as error:
        where = os.path.relpath(error.filename, root) if error.filename else "."
        raise DataError(
            f"folder {name!r}: {where!r} cannot be read ({error.strerror}); check the permissions"
        ) from error


def _scan(root: Path, name: str) -> Listing:
    folders, ignored = _list(root, root)
    if not folders:
        n = sum(kind_of(root / file) is not None for file in ignored)
        series = [root / file for file in ignored if kind_of(root / file) in ("dicom", "nifti")]
        if series:
            rest = [file for file in ignored if root / file not in series]
            return _listing(name, UNLABELLED, rest, series)
        raise DataError(
            f"folder {name!r} holds {n} images and no subfolders; {_LAYOUT}: "
            "make a subfolder for each class and move the images there"
        )
    parts = _parts(folders, name)
    if not parts:
        contents = _listing(name, tuple(f.name for f in folders), ignored)
        _scan_classes(root, root, contents, name)
        return contents
    ignored += [f.name + "/" for f in folders if f not in parts.values()]
    classes: tuple[str, ...] = ()
    for folder in parts.values():
        found = tuple(f.name for f in _list(folder, root)[0])
        if not found:
            raise DataError(f"folder {name!r}: {folder.name!r} has no subfolders; {_LAYOUT}")
        classes = classes or found
        if found != classes:
            raise DataError(
                f"folder {name!r}: {folder.name!r} has the classes {', '.join(found)} but the "
                f"training part has {', '.join(classes)}; give each part the same subfolders"
            )
    contents = _listing(name, classes, ignored)
    for part, folder in parts.items():
        ignored += _list(folder, root)[1]
        _scan_classes(folder, root, contents, name)
        contents.split.extend([part] * (len(contents.paths) - len(contents.split)))
    return contents


def _listing(
    name: str, classes: tuple[str, ...], ignored: list[str], paths: Sequence[Path] = ()
) -> Listing:
    """Return a listing, with the paths in its first class."""
    return Listing(f"folder {name!r}", list(paths), [0] * len(paths), classes, [], ignored)


def _parts(folders: list[Path], name: str) -> dict[str, Path]:
    """Map "train", "val", "test" to their folders; empty if the folder is not divided."""
    parts: dict[str, Path] = {}
    for folder in folders:
        part = PART_NAMES.get(folder.name.lower())
        if part in parts:
            raise DataError(
                f"folder {name!r} has {parts[part].name!r} and {folder.name!r}, both the part "
                f"{part!r}; keep one of them"
            )
        if part is not None:
            parts[part] = folder
    if "train" not in parts or len(parts) == 1:
        return {}
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def _scan_classes(folder: Path, root: Path, contents: Listing, name: str) -> None:
    """Append the images of the class folders in `folder`."""
    if len(contents.classes) < 2:
        raise DataError(
            f"folder {name!r} has one class only, {contents.classes[0]!r}; a classifier needs two "
            "or more: add a subfolder for each class"
        )
    for label, class_name in enumerate(contents.classes):
        images, others = _images_below(folder / class_name, root)
        if not images:
            has = f"{len(others)} files that are not" if others else "no"
            kinds = sorted({Path(o).suffix.lower() for o in others} - {""})
            raise DataError(
                f"folder {name!r}: class folder {_below(folder / class_name, root)!r} has {has} "
                f"images{' (' + ', '.join(kinds[:3]) + ')' if kinds else ''}; every class needs "
                "one or more: add images (such as .png, .jpg, .tif) or remove the folder"
            )
        contents.paths.extend(images)
        contents.labels.extend([label] * len(images))
        contents.ignored.extend(others)


def _images_below(folder: Path, root: Path) -> tuple[list[Path], list[str]]:
    """Return the images in a folder and its subfolders, sorted, and the names of the rest."""
    images: list[Path] = []
    others: list[str] = []
    for where, folders, files in os.walk(folder, onerror=_raise):
        links = [f for f in folders if os.path.islink(os.path.join(where, f)) and not is_junk(f)]
        others += [_below(Path(where, link), root) + "/" for link in links]  # may go in circles
        folders[:] = sorted(f for f in folders if not is_junk(f) and f not in links)
        for file in sorted(f for f in files if not is_junk(f)):
            path = Path(where, file)
            if kind_of(path):
                images.append(path)
            else:
                others.append(_below(path, root))
    return images, others


def _list(folder: Path, root: Path) -> tuple[list[Path], list[str]]:
    """Return the subfolders, sorted by name, and the names of the loose files below `root`."""
    entries = sorted((e for e in folder.iterdir() if not is_junk(e.name)), key=lambda e: e.name)
    files = [_below(e, root) for e in entries if not e.is_dir()]
    return [e for e in entries if e.is_dir()], files


def is_junk(name: str) -> bool:
    """Tell whether the system or an archive left this entry behind."""
    return name.startswith(".") or name.lower() in _JUNK


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _raise(error: OSError) -> None:
    raise error
