"""Thousands of images are opened, read and trained on in the memory of a few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.dicoms import write

# The peak of this process alone: ru_maxrss may still hold that of the process that started it.
READ_ALL = """
import sys
import numpy as np
import nanocnn.data as data

dataset = data.open(sys.argv[1])
total = 0.0
for image, label in dataset:
    assert image.shape == (512, 512, 1)
    total += float(image[0, 0, 0]) + label
status = open("/proc/self/status").read()
print(len(dataset), total, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""
TRAIN = """
import sys
import warnings
import nanocnn as nc

warnings.simplefilter("ignore", nc.data.LeakWarning)  # all images are links to eight files
dataset = nc.data.open(sys.argv[1])
model = nc.Sequential(
    [nc.Conv2D(2, 4, stride=4, activation="relu"), nc.GlobalAveragePool2D()],
    input_shape=(512, 512, 1),
)
model.compile("sgd", "softmax_cross_entropy")
loader = nc.data.DataLoader(dataset, 8, augment=nc.data.Augment(flip="both"))
history = model.fit(loader, validation_data=dataset[:100], verbose=False).history
status = open("/proc/self/status").read()
print(len(dataset), history["loss"][0], int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def peak_mb(folder: Path, n: int, *, dicom: bool = False, code: str = READ_ALL) -> float:
    """Make n images of 512x512 (links to a few), use them all in a process of its own."""
    rng = np.random.default_rng(0)
    distinct = []
    for k in range(8):
        values = rng.integers(0, 256, (512, 512), dtype=np.uint8)
        path = folder / f"{k}.{'dcm' if dicom else 'png'}"
        if dicom:
            write(path, values, PatientID=str(k), InstanceNumber=k)
        else:
            Image.fromarray(values).save(path, compress_level=1)
        distinct.append(path)
    for c in "ab":
        (folder / "images" / c).mkdir(parents=True)
    for i in range(n):
        path = distinct[i % 8]
        os.link(path, folder / "images" / "ab"[i % 2] / f"{i:05d}{path.suffix}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(folder / "images")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    count, _, peak = done.stdout.split()
    assert int(count) == n
    return float(peak)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("dicom", [False, True])
def test_images_are_not_kept(dicom: bool, tmp_path: Path) -> None:
    """Kept, 400 images would take 420 MB as float32, and 105 MB as bytes."""
    few, many = (tmp_path / name for name in ("few", "many"))
    few.mkdir()
    many.mkdir()
    assert peak_mb(many, 400, dicom=dicom) - peak_mb(few, 8, dicom=dicom) < 30


@needs_proc
def test_two_thousand_images_are_trained_on_in_the_memory_of_a_few(tmp_path: Path) -> None:
    """Kept, they would take 2.1 GB; at most seven batches of 8 MB exist at a time."""
    few, many = (tmp_path / name for name in ("few", "many"))
    few.mkdir()
    many.mkdir()
    least = peak_mb(few, 120, code=TRAIN)
    assert peak_mb(many, 2000, code=TRAIN) - least < 60


@pytest.mark.slow
@needs_proc
def test_twenty_thousand_images_are_trained_on_in_less_than_one_gigabyte(tmp_path: Path) -> None:
    """Kept, they would take 21 GB."""
    assert peak_mb(tmp_path, 20_000, code=TRAIN) < 1000


@pytest.mark.slow
@needs_proc
def test_twenty_thousand_images_in_less_than_one_gigabyte(tmp_path: Path) -> None:
    """Kept, they would take 21 GB."""
    assert peak_mb(tmp_path, 20_000) < 1000
