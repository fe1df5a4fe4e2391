"""Ways to damage a file, and files that were made to do harm."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image

from tests.data.dicoms import REAL, dataset


class Canary:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.path,)


def sound_files(folder: Path) -> list[Path]:
    """Return one sound file of each kind and compression; data.open takes each of them."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    smooth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    colour = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    pictures = []
    for name, values, options in (
        ("a.png", smooth, {}),
        ("b.png", colour, {"optimize": True}),
        ("c.png", smooth.astype(np.uint16) * 99, {}),
        ("a.jpg", colour, {}),
        ("b.jpg", smooth, {"progressive": True}),
        ("a.tif", smooth, {"compression": "tiff_lzw"}),
        ("b.tif", colour, {"compression": "tiff_adobe_deflate"}),
        ("c.tif", smooth.astype(np.uint16), {}),
    ):
        path = folder / name
        Image.fromarray(values).save(path, **options)
        pictures.append(path)
    files = [as_class_folder(path) for path in pictures]
    voxels = rng.integers(0, 99, (6, 7, 8)).astype(np.int16)
    for name in ("a.nii", "b.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / name)
        files.append(folder / name)
    nibabel.save(nibabel.Nifti2Image(voxels, np.eye(4)), folder / "c.nii")
    files.append(folder / "c.nii")
    for name in (
        *("CT_small", "MR_small_RLE", "MR_small_jp2klossless", "SC_rgb_jpeg_dcmtk"),
        *("MR_small_jpeg_ls_lossless", "image_dfl", "SC_rgb_jpeg_gdcm", "rtdose"),
    ):
        path = folder / f"{name}.dcm"
        path.write_bytes((REAL / path.name).read_bytes())
        files.append(path)
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = rng.integers(0, 256, (4, 9, 8), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(4) % 2
    for name, save in (("a.npz", np.savez), ("b.npz", np.savez_compressed)):
        save(folder / name, **arrays)
        files.append(folder / name)
    rows = [{"path": f"{k}.png", "label": k % 2, "patient": f"p{k}"} for k in range(4)]
    for k in range(4):
        Image.fromarray(smooth).save(folder / f"{k}.png")
    (folder / "a.json").write_text(json.dumps(rows))
    lines = ["path,label,patient", *(",".join(map(str, row.values())) for row in rows)]
    (folder / "a.csv").write_text("\n".join(lines))
    return [*files, folder / "a.json", folder / "a.csv"]


def as_class_folder(path: Path) -> Path:
    """Move a picture into a class folder beside a sound one of another class; return the file."""
    root = path.parent / f"of_{path.name}"
    for name in ("damaged", "sound"):
        (root / name).mkdir(parents=True)
    (root / "sound" / "0.png").write_bytes(_SOUND)
    return path.rename(root / "damaged" / path.name)


def opened_as(path: Path) -> Path:
    """Return what is given to data.open for a file: the root of its class folders, or itself."""
    return path.parent.parent if path.parent.name == "damaged" else path


def _sound() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), 7).save(stream, "PNG")
    return stream.getvalue()


_SOUND = _sound()


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip a few bits, half of the time near the start, where headers are."""
    changed = bytearray(content)
    end = len(changed) if rng.random() < 0.5 else min(len(changed), 600)
    for at in rng.integers(0, end, int(rng.integers(1, 9))):
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Leave out the end."""
    return content[: int(rng.integers(0, len(content)))]


def overstate(content: bytes, rng: np.random.Generator) -> bytes:
    """Write large numbers over two or four bytes near the start: sizes, counts and lengths."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, min(len(changed), 1200)))
        large = (
            b"\xff\xff\xff\x7f",
            b"\x7f\xff\xff\xff",
            b"\xff\xff",
            b"\0\0\0\x40",
            b"\x40\0\0\0",
        )
        patch = large[int(rng.integers(len(large)))]
        changed[at : at + len(patch)] = patch
    return bytes(changed)


def shuffle(content: bytes, rng: np.random.Generator) -> bytes:
    """Repeat, leave out or exchange a piece."""
    a, b = sorted(int(k) for k in rng.integers(0, len(content), 2))
    piece = content[a:b]
    forms = (
        content[:a] + content[b:],
        content[:b] + piece + content[b:],
        content[:a] + piece[::-1],
    )
    return forms[int(rng.integers(3))]


DAMAGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (flip, cut, overstate, shuffle)


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def hostile_files(folder: Path, canary: Path) -> list[Path]:
    """Write bombs, tricks with paths, and objects; none of them may be taken."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []

    def put(name: str, content: bytes, picture: bool = False) -> None:
        path = folder / name
        path.write_bytes(content)
        files.append(as_class_folder(path) if picture else path)

    zeros = zlib.compress(bytes(20_000_000), 9)
    for k, (w, h) in enumerate([(60000, 60000), (2**31 - 1, 1), (20000, 20000)]):
        put(f"bomb{k}.png", _png(w, h, zeros), picture=True)
    text = b"\0" * 20_000_000  # a comment that unpacks to far more than the image
    bomb = b"c\0\0" + zlib.compress(text)
    png = _SOUND[:33] + struct.pack(">I", len(bomb)) + b"zTXt" + bomb
    png += struct.pack(">I", zlib.crc32(b"zTXt" + bomb)) + _SOUND[33:]
    put("text.png", png, picture=True)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 6)
    for tag, kind, value in [(256, 4, 90000), (257, 4, 90000), (258, 3, 8), (259, 3, 8),
                             (273, 4, 0), (279, 4, 10)]:  # fmt: skip
        tiff += struct.pack("<HHII", tag, kind, 1, value)
    put("bomb.tif", tiff + bytes(4), picture=True)
    frame = struct.pack(">BHHBBBB", 8, 65500, 65500, 1, 1, 0x11, 0)
    put("bomb.jpg", b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame, picture=True)
    files += _hostile_volumes(folder) + _hostile_dicoms(folder) + _hostile_archives(folder, canary)
    places = ["../../etc/passwd", "/etc/passwd", "a/../../b", "\0", "C:\\x", "~", "/dev/zero"]
    for k, place in enumerate([*places, "/dev/stdin", "|id", "file:///etc/passwd"]):
        rows = [{"path": place, "label": "a"}, {"path": place, "label": "b"}]
        put(f"path{k}.json", json.dumps(rows).encode())
        put(f"path{k}.csv", f"path,label\n{place},a\n{place},b\n".encode())
    put("deep.json", b"[" * 1_000_000)
    put("pickle.csv", pickle.dumps(Canary(canary)))
    return files


def _hostile_volumes(folder: Path) -> list[Path]:
    def volume(name: str, shape: tuple[int, ...], code: int, body: bytes) -> Path:
        header = nibabel.Nifti1Header()
        header.set_data_shape((1, 1, 1))
        block = bytearray(header.binaryblock + bytes(4))
        block[40:56] = struct.pack("<8h", len(shape), *shape, *(1,) * (7 - len(shape)))
        block[70:72] = struct.pack("<h", code)
        block[108:112] = struct.pack("<f", 352)
        block[344:348] = b"n+1\0"
        whole = bytes(block) + body
        path = folder / name
        path.write_bytes(gzip.compress(whole, 9) if name.endswith(".gz") else whole)
        return path

    return [
        volume("bomb0.nii.gz", (1000, 1000, 1500), 4, bytes(20_000_000)),
        volume("bomb1.nii.gz", (32767, 32767, 32767), 64, bytes(99)),
        volume("bomb2.nii", (32767, 32767, 32767), 64, bytes(99)),
        volume("bomb3.nii.gz", (1, 1, 32767, 32767), 2, bytes(20_000_000)),
        volume("bomb4.nii", (1, 1, 32767, 10), 2, bytes(327_670)),
    ]


def _hostile_dicoms(folder: Path) -> list[Path]:
    files = []
    from pydicom.encaps import encapsulate
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

    def put(name: str, ds: Any) -> None:
        ds.save_as(folder / name, enforce_file_format=True)
        files.append(folder / name)

    small = np.zeros((4, 4), np.uint8)
    put("frames.dcm", dataset(small, NumberOfFrames=2**31 - 1))
    put("size.dcm", dataset(small, Rows=65535, Columns=65535))
    deflated = dataset(small)
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    put("deflated.dcm", deflated)
    start = 144 + read_file_meta_info(files[-1]).FileMetaInformationGroupLength
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    with open(files[-1], "r+b") as stream:
        stream.seek(start)
        for _ in range(700):  # 700 MB of zeros
            stream.write(packer.compress(bytes(10**6)))
        stream.write(packer.flush())
    sizes = struct.pack(">HIIIIIIIIHBBB", 0, 60000, 60000, 0, 0, 60000, 60000, 0, 0, 1, 7, 1, 1)
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(sizes)) + sizes + b"\xff\xd9"
    run = b"\x81\0" * 200_000  # RLE: each two bytes become 128
    for name, body, syntax in (
        ("j2k.dcm", stream, JPEG2000Lossless),
        ("rle.dcm", struct.pack("<16I", 1, 64, *(0,) * 14) + run, RLELossless),
    ):
        packed = dataset(small)
        packed.file_meta.TransferSyntaxUID = syntax
        packed.PixelData = encapsulate([body])
        packed["PixelData"].is_undefined_length = True
        put(name, packed)
    return files


def _hostile_archives(folder: Path, canary: Path) -> list[Path]:
    good = {f"{p}_images": np.zeros((2, 4, 4), np.uint8) for p in ("train", "val", "test")}
    good |= {f"{p}_labels": np.arange(2) for p in ("train", "val", "test")}
    objects = np.array([Canary(canary)] * 2, dtype=object)
    np.savez(folder / "objects.npz", **good | {"train_labels": objects})
    np.savez(folder / "bomb.npz", **{k: v for k, v in good.items() if k != "train_images"})
    with (
        zipfile.ZipFile(folder / "bomb.npz", "a", zipfile.ZIP_DEFLATED) as bomb,
        bomb.open("train_images.npy", "w") as stream,
    ):
        shape = {"descr": "|u1", "fortran_order": False, "shape": (7000, 250, 400)}
        np.lib.format.write_array_header_1_0(stream, shape)
        for _ in range(700):  # 700 MB of zeros
            stream.write(bytes(10**6))
    header = (
        b"\x93NUMPY\x01\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 99999), }"
    )
    members = {
        "header.npz": header.ljust(127) + b"\n",
        "code.npz": b"\x93NUMPY\x01\0v\0" + b"__import__('os').system('true')".ljust(117) + b"\n",
        "pickle.npz": pickle.dumps(Canary(canary)),
    }
    for name, content in members.items():
        np.savez(folder / name, **good)
        with zipfile.ZipFile(folder / name) as old:
            kept = {i.filename: old.read(i) for i in old.infolist()}
        with zipfile.ZipFile(folder / name, "w") as new:
            for member, body in (kept | {"train_images.npy": content}).items():
                new.writestr(member, body)
    (folder / "bare.npz").write_bytes(pickle.dumps(Canary(canary)))
    return [folder / n for n in ("objects.npz", "bomb.npz", *members, "bare.npz")]
