"""What the README promises: its tour runs, its map names what exists, its commands are CI's."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import nanocnn
from tests.data.dicoms import write
from tests.sizes import sized

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_tour_runs_as_printed(tmp_path, monkeypatch, capsys):
    tour = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    tour = sized(tour, tour.replace("400", "40").replace("300", "30"))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(tour, "README.md", "exec"), names)
    assert names["logits"].shape == (8, 2)
    assert set(names["grads"]) == set(names["model"].params)
    assert (tmp_path / "model.safetensors").exists()
    assert "multiply-adds" in capsys.readouterr().out


def test_reading_images_runs_as_printed(tmp_path, monkeypatch):
    reading = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    for k, folder in enumerate(("train/a", "train/b", "test/a", "test/b")):
        pixels = np.full((5, 4), -100 * k, np.int16)
        write(
            tmp_path / "scans" / folder / "0.dcm", pixels, PatientID=str(k), PixelSpacing=[1, k + 1]
        )
    names = {"nc": nanocnn, "secret": b"sixteen bytes or more"}
    exec(compile(reading, "README.md", "exec"), names)
    assert names["image"].shape == (128, 128, 1)
    assert names["label"] == 0
    assert len(set(names["patients"])) == 4
    assert names["spacing"].tolist() == [[1, 1], [1, 2], [1, 3], [1, 4]]


def test_preparing_and_feeding_runs_as_printed(tmp_path, monkeypatch):
    feeding = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[2]
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for k, folder in enumerate(("train/a", "train/b", "val/a", "val/b")):
        for i in range(3):
            pixels = rng.integers(-1000, 200, (20, 16), np.int16)
            write(tmp_path / "scans" / folder / f"{i}.dcm", pixels, PatientID=str(k))
    write(tmp_path / "new.dcm", pixels)
    model = nanocnn.Sequential([nanocnn.Conv2D(2, 3, stride=4), nanocnn.GlobalAveragePool2D()])
    model.compile("sgd", "softmax_cross_entropy")
    names = {"nc": nanocnn, "model": model, "d": nanocnn.data.open("scans", size=128)}
    feeding = sized(feeding, feeding.replace("128", "16"))
    exec(compile(feeding, "README.md", "exec"), names)
    assert names["logits"].shape == (1, 2)
    np.testing.assert_array_equal(names["logits"], model.predict(tmp_path / "new.dcm"))
    assert model.preparation == names["recipe"]
    assert model.preparation.is_fitted


def test_splitting_runs_as_printed(tmp_path, monkeypatch, capsys):
    splitting = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[3]
    monkeypatch.chdir(tmp_path)
    labels, groups = np.arange(20) % 2, np.repeat(np.arange(10), 2).astype(str)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)

    def build():
        model = nanocnn.Sequential([nanocnn.Conv2D(2, 3), nanocnn.GlobalAveragePool2D()])
        model.compile("sgd", "softmax_cross_entropy")
        return model

    names = {
        "nc": nanocnn,
        "d": nanocnn.data.ImageDataset(pixels, labels, groups=groups),
        "augment": nanocnn.data.Augment(flip="both"),
        "build": build,
    }
    exec(compile(splitting, "README.md", "exec"), names)
    assert names["report"].problems == []
    assert (tmp_path / "audit.png").exists()
    assert [len(part) for part in names["parts"]] == [16, 4]
    assert "mean" in capsys.readouterr().out
    assert (tmp_path / "folds" / "fold_5.safetensors").exists()


def test_tuning_runs_as_printed(tmp_path, monkeypatch, capsys):
    tuning = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[4]
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
    names = {"nc": nanocnn, "d": nanocnn.data.ImageDataset(pixels, np.arange(20) % 2)}
    tuning = sized(tuning, tuning.replace("trials=27", "trials=9").replace("epochs=9", "epochs=3"))
    exec(compile(tuning, "README.md", "exec"), names)
    search = names["search"]
    assert capsys.readouterr().out == f"{search}\n"
    assert len(search.trials) in (27, 9)
    assert (tmp_path / "trials.png").exists()


def test_networks_run_as_printed(tmp_path, monkeypatch):
    networks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[5]
    monkeypatch.chdir(tmp_path)
    names = {"nc": nanocnn}
    for seed, part in enumerate(("", "_val")):
        pixels = np.random.default_rng(seed).random((4, 16, 16, 1), np.float32)
        names |= {f"slices{part}": pixels, f"masks{part}": (pixels[..., 0] > 0.5).astype(int)}
    small = networks.replace("(128, 128, 1)", "(16, 16, 1)").replace("width=16", "width=2")
    small = small.replace("depth=4", "depth=2").replace("epochs=30", "epochs=3")
    exec(compile(small, "README.md", "exec"), names)
    x, folded = names["slices"], names["quick"].predict(names["slices"])
    np.testing.assert_allclose(folded, names["net"].predict(x), rtol=0, atol=1e-4)
    assert names["mine"].output_shape == (2,)
    assert len(list((tmp_path / "run").glob("*.safetensors"))) >= 1


def test_the_checker_says_what_is_printed():
    (session,) = re.findall(r"```\n(>>> .*?)```", README, re.DOTALL)
    example = doctest.DocTestParser().get_doctest(
        session, {"np": np, "nc": nanocnn}, "README", None, 0
    )
    assert len(example.examples) == 3
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_map_and_the_picture_exist():
    table = README.split("## Where things are")[1].split("## Results")[0]
    for path in re.findall(r"`(nanocnn/[\w./]+|examples/|tests/|benchmarks/)`", table):
        assert (ROOT / path).exists(), path
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).stat().st_size > 10_000


@pytest.mark.parametrize("part", ['-e ".[test]"', "-m pytest"])
def test_ci_runs_the_test_command(part):
    assert part in README
    assert part in (ROOT / ".ci" / "run").read_text()
