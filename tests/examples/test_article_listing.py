"""The article's program runs as printed on files named as it expects them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc

EXAMPLE = Path(__file__).parents[2] / "examples" / "article_listing.py"


def load_listing():
    spec = importlib.util.spec_from_file_location("article_listing", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_phantoms(folder, n_train, n_test):
    """Write phantoms as `train/{i}.jpg` and `test/{i}.jpg`, even numbers normal."""
    first = 0
    for part, n in (("train", n_train), ("test", n_test)):
        drawn = nc.data.phantoms.lung_ct(2 * n, seed=0, patients_from=first)
        first += n
        (folder / part).mkdir()
        for label in (0, 1):
            for k, image in enumerate(drawn.images[drawn.labels == label][: n // 2]):
                pixels = np.round(255 * image).astype(np.uint8)
                path = folder / part / f"{2 * k + label}.jpg"
                Image.fromarray(pixels).save(path, quality=95)


def test_the_five_functions_and_their_numbers():
    listing = load_listing()
    functions = [name for name, value in vars(listing).items() if callable(value)]
    assert functions == [
        "preprocess_image",
        "create_model",
        "train_model",
        "evaluate_model",
        "main",
    ]
    model = listing.create_model()
    kinds = [type(layer).__name__ for layer in model]
    assert kinds == ["Conv2D", "MaxPool2D", "Conv2D", "MaxPool2D", "Flatten", "Dense", "Dense"]
    assert sum(p.size for p in model.params.values()) == 3_705_986  # as Keras counts it
    assert (listing.TRAIN_IMAGES, listing.TEST_IMAGES) == (1000, 200)


def test_it_runs_on_a_few_files(tmp_path, monkeypatch, capsys):
    write_phantoms(tmp_path, 32, 8)
    monkeypatch.chdir(tmp_path)
    listing = load_listing()
    monkeypatch.setattr(listing, "TRAIN_IMAGES", 32)
    monkeypatch.setattr(listing, "TEST_IMAGES", 8)
    listing.main()
    shown = capsys.readouterr()
    assert shown.out.startswith("Test accuracy: ")
    assert "epoch 10/10" in shown.err


@pytest.mark.slow
def test_it_learns_on_all_files(tmp_path, monkeypatch, capsys):
    write_phantoms(tmp_path, 1000, 200)
    monkeypatch.chdir(tmp_path)
    load_listing().main()
    accuracy = float(capsys.readouterr().out.removeprefix("Test accuracy: ").rstrip("%\n"))
    assert accuracy >= 95
