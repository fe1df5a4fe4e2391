"""`read_image`: exact values for every kind of pixel, and one line for every kind of damage."""

from __future__ import annotations

import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from nanocnn.data import DataError, read_image

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def save(folder: Path, image: Image.Image, name: str = "a.png", **options: Any) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def round_trip(image: Image.Image, name: str, **options: Any) -> np.ndarray:
    """Write and read; a folder of its own, since Hypothesis shares fixtures between examples."""
    with tempfile.TemporaryDirectory() as folder:
        return read_image(save(Path(folder), image, name, **options))


def message(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.pgm"])
@given(values=hnp.arrays(np.uint8, SHAPES))
@settings(max_examples=15, deadline=None)
def test_8_bit_grey_is_divided_by_255(name: str, values: np.ndarray) -> None:
    image = round_trip(Image.fromarray(values), name)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image[:, :, 0], values / np.float32(255))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jp2"])
@given(values=hnp.arrays(np.uint16, SHAPES))
@settings(max_examples=15, deadline=None)
def test_16_bit_grey_is_divided_by_65535(name: str, values: np.ndarray) -> None:
    image = round_trip(Image.fromarray(values), name)
    assert image.shape == (*values.shape, 1)
    np.testing.assert_array_equal(image[:, :, 0], values / np.float32(65535))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
@given(values=hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
@settings(max_examples=10, deadline=None)
def test_rgb_keeps_three_channels(name: str, values: np.ndarray) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    image = round_trip(Image.fromarray(values), name, **options)
    np.testing.assert_array_equal(image, values / np.float32(255))


def test_16_bit_pgm(tmp_path: Path) -> None:
    values = np.array([[0, 1, 256], [65535, 4660, 32768]], np.uint16)
    (tmp_path / "a.pgm").write_bytes(b"P5 3 2 65535\n" + values.astype(">u2").tobytes())
    read = read_image(tmp_path / "a.pgm")
    np.testing.assert_array_equal(read[:, :, 0], values / np.float32(65535))


def test_big_endian_16_bit_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 1, 256], [65535, 4660, 32768]], np.uint16)
    image = Image.frombytes("I;16B", (3, 2), values.astype(">u2").tobytes())
    read = read_image(save(tmp_path, image, "a.tif"))
    np.testing.assert_array_equal(read[:, :, 0], values / np.float32(65535))


def test_16_bit_tiff_in_which_white_is_zero_is_inverted(tmp_path: Path) -> None:
    values = np.array([[0, 65535, 1000]], np.uint16)
    path = save(tmp_path, Image.fromarray(values), "a.tif", tiffinfo={262: 0})
    np.testing.assert_allclose(read_image(path)[0, :, 0], [1, 0, 64535 / 65535], rtol=1e-6)


def test_12_bit_tiff_is_divided_by_4095(tmp_path: Path) -> None:
    packed = bytes([0xFF, 0xF0, 0x00, 0x80, 0x0F, 0xFF])  # FFF 000 800 FFF
    tags = [(256, 3, 4), (257, 3, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
    tags += [(273, 4, 8), (278, 3, 1), (279, 4, len(packed))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in sorted(tags))
    start = struct.pack("<2sHI", b"II", 42, 8 + len(packed))
    whole = start + packed + struct.pack("<H", len(tags)) + entries + bytes(4)
    (tmp_path / "a.tif").write_bytes(whole)
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(read[0, :, 0], [1, 0, 2048 / 4095, 1], rtol=1e-6)


def test_1_bit_becomes_0_and_1(tmp_path: Path) -> None:
    bits = np.array([[True, False, True]])
    read = read_image(save(tmp_path, Image.fromarray(bits)))
    np.testing.assert_array_equal(read, bits[:, :, None])


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    expected = np.float32([[[10, 20, 30], [200, 100, 0]]]) / np.float32(255)
    for name in ("a.png", "a.gif", "a.bmp"):
        np.testing.assert_array_equal(read_image(save(tmp_path, image, name)), expected)


def test_transparent_palette_entry_becomes_black(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    read = read_image(save(tmp_path, image, transparency=1))
    np.testing.assert_array_equal(read[0, 1], [0, 0, 0])
    np.testing.assert_array_equal(read[0, 0], np.float32([10, 20, 30]) / np.float32(255))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_laid_on_black(mode: str, tmp_path: Path) -> None:
    c = len(mode)
    values = np.array([[[200] * (c - 1) + [255], [200] * (c - 1) + [51], [200] * (c - 1) + [0]]])
    image = Image.fromarray(values.astype(np.uint8))
    assert image.mode == mode
    read = read_image(save(tmp_path, image))
    assert read.shape == (1, 3, c - 1)
    np.testing.assert_allclose(read[0, :, 0], [200 / 255, 40 / 255, 0], rtol=1e-6)


@pytest.mark.parametrize(("kind", "key"), [(np.uint8, 7), (np.uint16, 700)])
def test_transparent_grey_level_becomes_black(kind: type, key: int, tmp_path: Path) -> None:
    path = save(tmp_path, Image.fromarray(np.array([[key, key + 1]], kind)))
    chunk = b"tRNS" + struct.pack(">H", key)  # written by hand: early Pillow cannot for 16 bits
    chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    whole = path.read_bytes()
    before = whole.index(b"IDAT") - 4
    path.write_bytes(whole[:before] + chunk + whole[before:])
    read = read_image(path)
    np.testing.assert_allclose(read[0, :, 0], [0, (key + 1) / np.iinfo(kind).max], rtol=1e-6)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, so red
    read = read_image(save(tmp_path, image, "a.jpg", quality=95))
    assert read.shape == (16, 16, 3)
    np.testing.assert_allclose(read[8, 8], [1, 0, 0], atol=0.05)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda x: x),
        (2, np.fliplr),
        (3, lambda x: np.rot90(x, 2)),
        (6, lambda x: np.rot90(x, 3)),
    ],
)
def test_exif_orientation_is_applied(
    name: str, orientation: int, turn: Any, tmp_path: Path
) -> None:
    values = np.zeros((16, 32), np.uint8)
    values[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(save(tmp_path, Image.fromarray(values), name, exif=exif))[:, :, 0]
    np.testing.assert_allclose(read, turn(values) / 255, atol=0.05)


def test_exif_orientation_of_16_bits(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.uint16).reshape(2, 3) * 9999
    exif = Image.Exif()
    exif[0x0112] = 8
    read = read_image(save(tmp_path, Image.fromarray(values), exif=exif))[:, :, 0]
    np.testing.assert_array_equal(read, np.rot90(values) / np.float32(65535))


def test_channels_convert_by_luma_and_by_repetition(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    path = save(tmp_path, Image.fromarray(values))
    grey = read_image(path, channels=1)
    assert grey.shape == (4, 5, 1)
    # Pillow rounds its own luma to 8 bits
    np.testing.assert_allclose(
        grey[:, :, 0] * 255, np.asarray(Image.fromarray(values).convert("L")), atol=0.51
    )
    path = save(tmp_path, Image.fromarray(values[:, :, 0]), "b.png")
    np.testing.assert_array_equal(read_image(path, channels=3), read_image(path)[:, :, [0, 0, 0]])
    white = save(tmp_path, Image.new("RGB", (3, 3), "white"), "c.png")
    assert read_image(white, channels=1).max() == 1.0


def test_resizing_averages_and_keeps_16_bits(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    values = (30000 + 10 * x + 7 * y).astype(np.uint16)
    image = read_image(save(tmp_path, Image.fromarray(values)), size=(16, 32))[:, :, 0]
    assert image.shape == (16, 32)
    exact = values.reshape(16, 4, 32, 2).mean(axis=(1, 3)) / 65535  # a ramp: the mean of a cell
    np.testing.assert_allclose(image[2:-2, 2:-2], exact[2:-2, 2:-2], atol=0.05 / 65535)
    stripes = np.where((x + y) % 2, 255, 0).astype(np.uint8)  # not antialiased: all 0 or all 1
    small = read_image(save(tmp_path, Image.fromarray(stripes)), size=8)
    np.testing.assert_allclose(small, 0.5, atol=0.01)


@given(shape=SHAPES, size=SHAPES, value=st.integers(0, 65535))
@settings(max_examples=25, deadline=None)
def test_resizing_keeps_a_constant_and_stays_in_range(
    shape: tuple[int, int], size: tuple[int, int], value: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), Image.fromarray(np.full(shape, value, np.uint16)))
        image = read_image(path, size=size)
    assert image.shape == (*size, 1)
    np.testing.assert_allclose(image, value / 65535, rtol=1e-6)
    assert image.max() <= 1.0


def test_float_tiff_is_taken_as_it_is(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    path = save(tmp_path, Image.fromarray(values), "a.tif")
    np.testing.assert_array_equal(read_image(path)[:, :, 0], values)


@pytest.mark.parametrize(
    ("bad", "says"), [(np.nan, "1 NaN pixels"), (1.5, "from 0 to 1.5"), (-2.0, "from -2 to 0.5")]
)
def test_float_tiff_out_of_range(bad: float, says: str, tmp_path: Path) -> None:
    values = np.array([[0.0, 0.5, bad]], np.float32)
    text = message(save(tmp_path, Image.fromarray(values), "a.tif"))
    assert says in text
    assert "a.tif" in text


def test_32_bit_integers_have_no_known_range(tmp_path: Path) -> None:
    path = save(tmp_path, Image.fromarray(np.array([[1, 2]], np.int32)), "a.tif")
    assert "save it with 8 or 16 bits" in message(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.gif", "a.bmp", "a.webp", "a.jp2"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_truncated_files_are_named(name: str, share: float, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path, Image.fromarray(values), name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    text = message(path)
    assert name in text
    assert "replace or remove" in text


@pytest.mark.parametrize("factor", [1, 3])
def test_decompression_bomb(
    factor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Pillow warns above the limit and raises above twice the limit; here both are errors."""
    path = save(tmp_path, Image.new("L", (20, 20 * factor)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with pytest.raises(DataError, match=r"more pixels than the limit of 300"):
        read_image(path)
    assert len(recwarn) == 0


def test_several_images_in_one_file(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 4), k) for k in (0, 100, 200)]
    path = save(tmp_path, pages[0], "stack.tif", save_all=True, append_images=pages[1:])
    assert "holds 3 images" in message(path)


def test_missing_file_and_other_kinds(tmp_path: Path) -> None:
    assert "No such file" in message(tmp_path / "absent.png")
    (tmp_path / "a.png").write_text("not an image")
    assert "needed is one of PNG, JPEG" in message(tmp_path / "a.png")
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "needed is one of" in message(tmp_path / "a.eps")  # would start another program


@pytest.mark.parametrize("size", [0, -3, (4, 0), (4,), (1, 2, 3), 2.5, "8"])
def test_size_must_be_positive(size: Any, tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("L", (2, 2)))
    assert "give a positive int or (height, width)" in message(path, size=size)


def test_channels_must_be_1_or_3(tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("L", (2, 2)))
    assert "give 1 (grey), 3" in message(path, channels=4)
