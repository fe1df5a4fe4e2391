"""Checkpoints: files from which a training run goes on that was interrupted.

    epoch_00003_batch_0000000.safetensors    named by what comes next, so that names sort

Each is a model file, which `nanocnn.load` reads, and holds besides, in safetensors and JSON, the
optimizer's averages and what else training needs. It is written under another name and renamed
when it is on the disk. A SHA-256 over all its bytes, in which the checksum's own place counts as
zeros, tells whether it is still what was written. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from ..files import write_atomically
from ..layers.base import Array
from .progress import Progress

_NAME = re.compile(r"epoch_(\d{5,})_batch_(\d{7,})\.safetensors")
_UNFINISHED = re.compile(rf"\.{_NAME.pattern}\.[0-9a-f]{{8}}")
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_ZEROS = b'"sha256":"' + 64 * b"0" + b'"'

Contents = tuple[dict[str, str], dict[str, Array]]  # texts and arrays, both by name


class Checkpoint:
    """Where and how often `fit` writes down how far it has come.

    ``fit(..., checkpoint="folder")`` is ``fit(..., checkpoint=Checkpoint("folder"))``.

    Parameters
    ----------
    folder : str or path
        For one run; it is made if it is not there. Other files in it are left alone.
    every : int
        Write after so many epochs or batches. The end of the run is always written, and so is the
        end of each epoch if `unit` is "batch".
    unit : "epoch" or "batch"
    keep : int
        Files to keep, the newest ones. With 2 or more there is one to go back to if the newest is
        damaged.

    Examples
    --------
    >>> from nanocnn.training import Checkpoint
    >>> Checkpoint("run", every=500, unit="batch")
    Checkpoint('run', every=500, unit='batch', keep=3)
    """

    def __init__(
        self, folder: str | os.PathLike[str], every: int = 1, *, unit: str = "epoch", keep: int = 3
    ) -> None:
        for name, value in (("every", every), ("keep", keep)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
        if unit not in ("epoch", "batch"):
            raise ValueError(f"unit must be 'epoch' or 'batch', got {unit!r}")
        self.folder = Path(folder)
        self.every, self.unit, self.keep = every, unit, keep

    def __repr__(self) -> str:
        return (
            f"Checkpoint({str(self.folder)!r}, every={self.every}, unit={self.unit!r}, "
            f"keep={self.keep})"
        )

    def files(self) -> list[Path]:
        """Return the checkpoints in the folder, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted((p for p in self.folder.iterdir() if _NAME.fullmatch(p.name)), key=_position)

    def is_due(self, progress: Progress, n_batches: int) -> bool:
        """Tell whether this is a place to write at, the end of the run aside."""
        if progress.batch:  # after its last batch an epoch is as good as at its end
            whole = progress.batch % self.every == 0 and progress.batch < n_batches
            return self.unit == "batch" and whole
        return self.unit == "batch" or progress.epoch % self.every == 0

    def read(self) -> Contents | None:
        """Return the newest checkpoint that is whole, with a warning for each that is not."""
        for path in reversed(self.files()):
            found = _open(path.read_bytes())
            if found is not None:
                return found
            warnings.warn(
                f"checkpoint {path} is damaged and is not used; the one before it is, if any",
                stacklevel=2,
            )
        return None

    def write(
        self, progress: Progress, texts: Mapping[str, str], tensors: dict[str, Array]
    ) -> None:
        """Write a checkpoint, then remove those that are not to be kept.

        Raises
        ------
        OSError
            If it cannot be written, for lack of room for example. Those before it stay.
        """
        name = f"epoch_{progress.epoch:05d}_batch_{progress.batch:07d}.safetensors"
        path = self.folder / name
        data = _seal(texts, tensors)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clean()
            write_atomically(path, data)
        except OSError as error:
            last = self.files()
            raise OSError(
                error.errno,
                f"{error.strerror or error}: checkpoint not written ({len(data):,} bytes); "
                + (f"the last good one is {last[-1].name}" if last else "there is none before it")
                + "; see to it and call fit again to go on from there",
                str(path),
            ) from error
        files = self.files()
        place = files.index(path)
        # What stands behind this one was found damaged: the run has come from before it.
        for old in files[: max(0, place + 1 - self.keep)] + files[place + 1 :]:
            old.unlink(missing_ok=True)

    def _clean(self) -> None:
        """Remove what processes left that were killed while they wrote."""
        for path in self.folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _position(path: Path) -> tuple[int, int]:
    epoch, batch = _NAME.fullmatch(path.name).groups()  # type: ignore[union-attr]
    return int(epoch), int(batch)


def _seal(texts: Mapping[str, str], tensors: dict[str, Array]) -> bytes:
    """Return a file's bytes, with their checksum among them."""
    from safetensors.numpy import save  # here: `import nanocnn` does not load safetensors

    data = save(tensors, metadata={**texts, "sha256": 64 * "0"})
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(_ZEROS, b'"sha256":"' + digest + b'"', 1)


def _open(data: bytes) -> Contents | None:
    """Return what a file holds if it is whole."""
    from safetensors.numpy import load

    found = _DIGEST.search(data)
    if found is None:
        return None
    view = memoryview(data)
    hashed = hashlib.sha256(view[: found.start()])
    hashed.update(_ZEROS)
    hashed.update(view[found.end() :])
    if hashed.hexdigest().encode() != found[1]:
        return None
    size = int.from_bytes(data[:8], "little")
    texts = json.loads(data[8 : 8 + size])["__metadata__"]
    # What was read lies in one block, read-only: copies can be written to, and let it go.
    return texts, {key: value.copy() for key, value in load(data).items()}
