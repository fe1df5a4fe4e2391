"""Folders of images and folders of their masks, for segmentation.

Two layouts: `images/` and `masks/`, where a mask has the name of its image up to the suffix; and
that of the Medical Segmentation Decathlon, `imagesTr/` and `labelsTr/`, with NIfTI volumes of the
same names. Either may lie in `train/`, `val/` and `test/` folders.
"""

from __future__ import annotations

import os
from pathlib import Path

from .errors import DataError
from .folders import PART_NAMES, is_junk
from .kinds import kind_of, stem_of
from .listing import UNLABELLED, Listing
from .readers import below

_LAYOUTS = (("images", "masks"), ("imagesTr", "labelsTr"))


def scan_pairs(root: Path) -> Listing | None:
    """List images with their masks; None if the folder has another layout.

    Raises
    ------
    DataError
        If an image has no mask, a mask no image, or two files have one name.
    """
    places = {"": root}
    if _folders_of(root) is None:
        subfolders = sorted(f for f in root.iterdir() if f.name.lower() in PART_NAMES)
        places = {PART_NAMES[f.name.lower()]: f for f in subfolders if f.is_dir()}
        if not places or any(_folders_of(place) is None for place in places.values()):
            return None
    name = f"folder {root.resolve().name!r}"
    listing = Listing(name, [], [], UNLABELLED, [], [], masks=[])
    for part in sorted(places, key=("", "train", "val", "test").index):
        _add_pairs(places[part], part, root, listing)
    return listing


def _folders_of(place: Path) -> tuple[Path, Path] | None:
    for images, masks in _LAYOUTS:
        if (place / images).is_dir() and (place / masks).is_dir():
            return place / images, place / masks
    return None


def _add_pairs(place: Path, part: str, root: Path, listing: Listing) -> None:
    folders = _folders_of(place)
    assert folders is not None
    assert listing.masks is not None
    images, masks = (_by_stem(folder, root, listing) for folder in folders)
    alone = [*(images.keys() - masks.keys()), *(masks.keys() - images.keys())]
    if alone or not images:
        shown = ", ".join(sorted(alone)[:3]) + (", ..." if len(alone) > 3 else "")
        raise DataError(
            f"{listing.name}: {len(images)} images in {below(folders[0], root)!r} and "
            f"{len(masks)} masks in {below(folders[1], root)!r}"
            + (f", without a partner: {shown}" if alone else "")
            + "; give each image a mask with the same name up to the suffix"
        )
    rest = sorted(e for e in place.iterdir() if e not in folders and not is_junk(e.name))
    if place != root or not part:
        listing.ignored.extend(below(e, root) + ("/" if e.is_dir() else "") for e in rest)
    for stem in sorted(images):
        listing.paths.append(images[stem])
        listing.masks.append(masks[stem])
        listing.labels.append(0)
        if part:
            listing.split.append(part)


def _by_stem(folder: Path, root: Path, listing: Listing) -> dict[str, Path]:
    """Map the path below the folder, without its suffix, to each file."""
    found: dict[str, Path] = {}
    for where, subfolders, files in os.walk(folder):
        subfolders[:] = sorted(f for f in subfolders if not is_junk(f))
        for file in sorted(f for f in files if not is_junk(f)):
            path = Path(where, file)
            if kind_of(path) is None:
                listing.ignored.append(below(path, root))
                continue
            stem = (path.parent / stem_of(path)).relative_to(folder).as_posix()
            if stem in found:
                raise DataError(
                    f"{listing.name}: {below(found[stem], root)!r} and {below(path, root)!r} have "
                    "the same name up to the suffix; remove one of them"
                )
            found[stem] = path
    return found
