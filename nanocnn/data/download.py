"""Download a file once: resumed after an interruption, checked, and put in place as a whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .errors import DataError

ATTEMPTS = 3  # each goes on where the one before was cut off
TIMEOUT = 30  # seconds without a byte
_CHUNK = 2**16


def cache_folder() -> Path:
    """Return where downloads are kept.

    NANOCNN_DATA_CACHE names the folder itself; otherwise it is `nanocnn/data` below XDG_CACHE_HOME
    or `~/.cache`.
    """
    if "NANOCNN_DATA_CACHE" in os.environ:
        return Path(os.environ["NANOCNN_DATA_CACHE"])
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nanocnn" / "data"


def fetch(url: str, md5: str, target: Path, *, progress: bool = True) -> Path:
    """Return `target`, downloaded if it is not there with the right contents.

    What has arrived lies beside it as `.part` until it is complete, so that an interrupted
    download, in this process or another one, goes on where it stopped.

    Parameters
    ----------
    url : str
    md5 : str           the published checksum, 32 hexadecimal digits
    target : Path
    progress : bool     show a bar on a terminal

    Raises
    ------
    DataError
        If there is no network, the server refuses, the download keeps breaking off, or the
        contents are not those that were published.
    """
    if target.is_file() and checksum(target) == md5:
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            if _receive(url, part, target.name, progress):
                break
        else:
            raise DataError(
                f"the download of {target.name} broke off {ATTEMPTS} times, after "
                f"{part.stat().st_size} bytes; call again to go on from there"
            )
        found = checksum(part)
        if found != md5:
            part.unlink()
            raise DataError(
                f"{target.name} has the checksum {found}, and {md5} was published: the download "
                "was damaged or the file replaced; it was deleted, call again for another try"
            )
        part.replace(target)
    except OSError as error:  # of the disk; those of the network are told below
        raise DataError(
            f"{target.name} cannot be stored ({error.strerror or type(error).__name__}); set "
            "NANOCNN_DATA_CACHE to a folder that can be written"
        ) from error
    return target


def checksum(path: Path) -> str:
    """Return the MD5 of a file: as published, against accidents, not against an adversary."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _receive(url: str, part: Path, name: str, progress: bool) -> bool:
    """Append to the part what is missing; False if the connection broke off."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing is missing, or the file is another one now
            return True
        raise DataError(
            f"{name} cannot be downloaded: {url} answers {error.code} {error.reason}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{name} cannot be downloaded from {url} "
            f"({' '.join(str(reason).split()) or type(error).__name__}); check the network, or put "
            f"the file into {part.parent}"
        ) from None
    with response:
        resumed = response.status == 206
        length = response.headers.get("Content-Length", "")
        total = int(length) + (start if resumed else 0) if length.isdecimal() else None
        with open(part, "ab" if resumed else "wb") as stream:
            _copy(response, stream, total, name, progress)
            return total is None or stream.tell() == total


def _copy(response: Any, stream: Any, total: int | None, name: str, progress: bool) -> None:
    from tqdm import tqdm

    with tqdm(
        *(), total=total, initial=stream.tell(), desc=name, unit="B", unit_scale=True,
        disable=None if progress else True, leave=False,
    ) as bar:  # fmt: skip
        try:
            while block := response.read(_CHUNK):
                stream.write(block)
                bar.update(len(block))
        except (http.client.HTTPException, ConnectionError, TimeoutError):
            return  # what has arrived is kept
