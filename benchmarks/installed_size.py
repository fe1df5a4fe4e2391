"""How large a package is on the disk, with everything that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import packages_distributions as _by_package
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(name: str) -> dict[str, Distribution]:
    """Return the distribution of that name and all that it requires, here and without extras.

    Raises
    ------
    PackageNotFoundError
        If there is no such distribution. Something required that is missing is left out.
    """
    found: dict[str, Distribution] = {canonicalize_name(name): distribution(name)}
    queue = list(found.values())
    while queue:
        for line in queue.pop().requires or ():
            need = Requirement(line)
            key = canonicalize_name(need.name)
            if key in found or (need.marker and not need.marker.evaluate({"extra": ""})):
                continue
            try:
                found[key] = distribution(need.name)
            except PackageNotFoundError:
                continue
            queue.append(found[key])
    return found


def bytes_of(files: Iterable[Path]) -> int:
    """Return the size of those files that are there, each once."""
    return sum(path.stat().st_size for path in {f.resolve() for f in files} if path.is_file())


def installed_bytes(package: str, source: Path | None = None) -> tuple[int, int]:
    """Return the bytes of a package that can be imported, and of it with all that it requires.

    `source` is the package's folder, for one that is installed in place: its distribution then
    lists none of the files.
    """
    name = next(iter(_by_package().get(package, [package])))
    files = {
        key: [Path(str(d.locate_file(f))) for f in d.files or ()]
        for key, d in closure(name).items()
    }
    own = canonicalize_name(name)
    if source is not None:
        files[own] = list(source.rglob("*"))
    return bytes_of(files[own]), bytes_of(path for paths in files.values() for path in paths)
