"""Downloads against a server on this machine: whole, broken off, wrong, refused, absent."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn.data as data
from nanocnn.data import DataError, download, medmnist_files


def archive(volume: bool = False) -> bytes:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    arrays: dict[str, Any] = {}
    for part in ("train", "val", "test"):
        shape = (4, 9, 9, 9) if volume else (40, 28, 28)
        arrays[f"{part}_images"] = rng.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(shape[0]) % 2)[:, None].astype(np.uint8)
    np.savez(stream, **arrays)
    return stream.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one content; `behaviour` says how each request in turn is treated."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.behaviour: list[str] = []
        self.ranges: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        how = server.behaviour.pop(0) if server.behaviour else "whole"
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        if how.isdigit():
            self.send_error(int(how))
            return
        start = int(asked[6:-1]) if asked and how != "no ranges" else 0
        if asked and start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if asked and how != "no ranges" else 200)
        if how != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if how == "break off" else body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    content = archive()
    server = Server(content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(
        medmnist_files, "URL", f"http://127.0.0.1:{server.server_port}/{{name}}.npz?download=1"
    )
    publish(monkeypatch, "pneumoniamnist", content)
    monkeypatch.setenv("NANOCNN_DATA_CACHE", str(tmp_path / "cache"))
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def publish(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    classes = medmnist_files.COLLECTIONS[name][1]
    monkeypatch.setitem(medmnist_files.COLLECTIONS, name, (md5, classes))


def message() -> str:
    with pytest.raises(DataError) as caught:
        data.medmnist("pneumoniamnist")
    text = str(caught.value)
    assert "\n" not in text
    assert "pneumoniamnist" in text
    return text


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_once_and_then_from_the_cache(server: Server, tmp_path: Path) -> None:
    dataset = data.medmnist("pneumoniamnist")
    assert dataset.classes == ("normal", "pneumonia")
    assert {part: len(dataset.part(part)) for part in dataset.parts} == {
        "train": 40,
        "val": 40,
        "test": 40,
    }
    assert files(tmp_path) == ["pneumoniamnist.npz"]
    again = data.medmnist("pneumoniamnist", size=14, channels=3)
    assert again[0][0].shape == (14, 14, 3)
    assert server.ranges == [None]
    other = data.medmnist("pneumoniamnist", folder=tmp_path / "other", progress=False)
    assert len(other) == 120
    assert len(server.ranges) == 2


def test_a_damaged_file_in_the_cache_is_replaced(server: Server, tmp_path: Path) -> None:
    data.medmnist("pneumoniamnist")
    path = tmp_path / "cache" / "pneumoniamnist.npz"
    path.write_bytes(path.read_bytes()[:-1])
    assert len(data.medmnist("pneumoniamnist")) == 120
    assert path.read_bytes() == server.content


def test_a_connection_that_breaks_off_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.behaviour = ["break off", "break off"]
    assert len(data.medmnist("pneumoniamnist")) == 120
    n = len(server.content)
    half = n // 2
    assert server.ranges == [None, f"bytes={half}-", f"bytes={half + (n - half) // 2}-"]
    assert files(tmp_path) == ["pneumoniamnist.npz"]


def test_interrupted_and_called_again(server: Server, tmp_path: Path) -> None:
    server.behaviour = ["break off"] * 3
    text = message()
    assert "broke off 3 times" in text
    assert "call again to go on from there" in text
    assert files(tmp_path) == ["pneumoniamnist.npz.part"]
    arrived = (tmp_path / "cache" / "pneumoniamnist.npz.part").stat().st_size
    assert len(data.medmnist("pneumoniamnist")) == 120
    assert server.ranges[-1] == f"bytes={arrived}-"


def test_interrupted_by_the_user(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = download._copy

    def interrupt(response: Any, stream: Any, *rest: Any) -> None:
        stream.write(response.read(1000))
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data.medmnist("pneumoniamnist")
    assert files(tmp_path) == ["pneumoniamnist.npz.part"]
    monkeypatch.setattr(download, "_copy", copy)
    assert len(data.medmnist("pneumoniamnist")) == 120
    assert server.ranges == [None, "bytes=1000-"]


def test_a_part_that_is_complete(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pneumoniamnist.npz.part").write_bytes(server.content)
    assert len(data.medmnist("pneumoniamnist")) == 120
    assert files(tmp_path) == ["pneumoniamnist.npz"]


@pytest.mark.parametrize("how", ["no ranges", "no length"])
def test_servers_that_cannot_do_everything(how: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    part = tmp_path / "cache" / "pneumoniamnist.npz.part"
    part.write_bytes(server.content[:1000])
    server.behaviour = [how]
    assert len(data.medmnist("pneumoniamnist")) == 120


def test_a_wrong_checksum(server: Server, tmp_path: Path) -> None:
    right = server.content
    server.content = right[:-1] + bytes([right[-1] ^ 1])
    text = message()
    assert "has the checksum" in text
    assert hashlib.md5(right, usedforsecurity=False).hexdigest() in text
    assert files(tmp_path) == []
    server.content = right
    assert len(data.medmnist("pneumoniamnist")) == 120


@pytest.mark.parametrize("code", [403, 404, 500])
def test_refused_by_the_server(code: int, server: Server, tmp_path: Path) -> None:
    server.behaviour = [str(code)]
    assert f"answers {code}" in message()
    assert files(tmp_path) == []


def test_no_network(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound and not listening: refuses
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/{{name}}.npz"
        monkeypatch.setattr(medmnist_files, "URL", url)
        text = message()
    assert "check the network, or put the file into" in text
    assert "refused" in text


def test_no_such_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "Name or service not known" in message()


def test_a_folder_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("NANOCNN_DATA_CACHE", str(tmp_path / "file" / "below"))
    assert "cannot be stored (Not a directory); set NANOCNN_DATA_CACHE" in message()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NANOCNN_DATA_CACHE", str(tmp_path))
    assert download.cache_folder() == tmp_path
    monkeypatch.delenv("NANOCNN_DATA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert download.cache_folder() == tmp_path / "x" / "nanocnn" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "h"))
    assert download.cache_folder() == tmp_path / "h" / ".cache" / "nanocnn" / "data"


def test_volumes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = archive(volume=True)
    publish(monkeypatch, "nodulemnist3d", server.content)
    dataset = data.medmnist("nodulemnist3d", axis=2)
    assert len(dataset) == 12 * 9
    assert dataset.classes == ("benign", "malignant")
    assert dataset.groups is not None
    assert len(set(dataset.groups.tolist())) == 12


def test_a_file_of_other_classes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "octmnist", server.content)
    with pytest.raises(DataError, match=r"'octmnist.npz' has 2 classes; needed are 4"):
        data.medmnist("octmnist")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mnist", {}, "no collection 'mnist'; give one of pathmnist, "),
        ("chestmnist", {}, "14 labels an image"),
        ("pneumoniamnist", {"axis": 1}, "axis=1 does not fit pneumoniamnist"),
        ("organmnist3d", {"axis": 3}, "axis=3 does not fit organmnist3d"),
        ("pneumoniamnist", {"size": 0}, "size=0"),
        ("pneumoniamnist", {"channels": 2}, "channels=2"),
    ],
)
def test_refused_before_any_download(
    name: str, options: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(medmnist_files, "fetch", lambda *a, **k: pytest.fail("downloaded"))
    with pytest.raises(DataError, match=says):
        data.medmnist(name, **options)


def test_the_published_table() -> None:
    """Eleven of images and six of volumes; the numbers of classes are those of the paper."""
    counts = {name: len(classes) for name, (_, classes) in medmnist_files.COLLECTIONS.items()}
    assert counts == {
        **{"pathmnist": 9, "dermamnist": 7, "octmnist": 4, "pneumoniamnist": 2, "retinamnist": 5},
        **{"breastmnist": 2, "bloodmnist": 8, "tissuemnist": 8, "organamnist": 11},
        **{"organcmnist": 11, "organsmnist": 11, "organmnist3d": 11, "nodulemnist3d": 2},
        **{"adrenalmnist3d": 2, "fracturemnist3d": 3, "vesselmnist3d": 2, "synapsemnist3d": 2},
    }
    sums = [md5 for md5, _ in medmnist_files.COLLECTIONS.values()]
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in sums)
    assert len(set(sums)) == len(sums)
    url = medmnist_files.URL.format(name="pneumoniamnist")
    assert url == "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1"
