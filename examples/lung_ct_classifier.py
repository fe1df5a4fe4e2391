"""Train, evaluate and picture a medical image classifier.

    python examples/lung_ct_classifier.py                  synthetic lung CT, made on the spot
    python examples/lung_ct_classifier.py --data PATH      a folder with one subfolder per class, or
                                                           with train/ and test/ that have them, or
                                                           an .npz file in the MedMNIST format

The network is the article's; `--improved` adds the article's ways to better results. The test
images are looked at once, at the end; what is watched during training are validation images.
In `--out`: model.safetensors, history.csv, curves.png, confusion_matrix.png, predictions.png and
metrics.json. For research and teaching; no medical device.
"""

# ruff: noqa: E402
from __future__ import annotations

import time

STARTED = time.perf_counter()  # the imports count

import argparse
import hashlib
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc
from nanocnn.evaluation import baseline_report, bootstrap, metrics, plots

PHANTOMS = {"train": 1000, "val": 200, "test": 200}
SYNTHETIC = "synthetic images (phantoms), not patients"
NODULE_BINS_MM = (28, 32, 36, 40, 44)


class Part(NamedTuple):
    """Images (N, H, W, C) or (N, H, W) in [0, 1], labels (N,), and nodule diameters of phantoms."""

    images: np.ndarray
    labels: np.ndarray
    diameters: np.ndarray | None = None


class Data(NamedTuple):
    """Three parts that share no image."""

    train: Part
    val: Part
    test: Part
    classes: tuple[str, ...]
    channels: int
    note: str | None


def preprocess_image(path: Path) -> np.ndarray:
    """Read one file as (128, 128, 3) float32 in [0, 1]."""
    return nc.data.read_image(path, size=128, channels=3)


def make_phantoms(seed: int, limit: int | None) -> Data:
    """Draw the synthetic data set; the parts share no patient."""
    parts, patients = [], 0
    for n in PHANTOMS.values():
        n = min(n, limit or n)
        drawn = nc.data.phantoms.lung_ct(n, seed, patients_from=patients)
        patients += (n + 1) // 2
        parts.append(Part(drawn.images, drawn.labels, drawn.diameters))
    return Data(*parts, classes=("normal", "cancer"), channels=3, note=SYNTHETIC)


def read_data(path: str, seed: int, limit: int | None) -> Data:
    """Read a folder or .npz file; what it does not split itself is split here, by class."""
    dataset = nc.data.open(path)
    index = np.arange(len(dataset))
    if dataset.split is None:
        train, val, test = nc.data.stratified_split(dataset.labels, (0.7, 0.15, 0.15), seed)
    else:
        train, test = (index[dataset.split == name] for name in ("train", "test"))
        val = index[dataset.split == "val"]
        if not val.size:
            kept, held_out = nc.data.stratified_split(dataset.labels[train], (0.85, 0.15), seed)
            train, val = train[kept], train[held_out]
    parts = []
    for indices in (train, val, test):
        if limit is not None and limit < len(indices):
            few = (limit / len(indices), 1 - limit / len(indices))
            indices = indices[nc.data.stratified_split(dataset.labels[indices], few, seed)[0]]
        part = dataset.subset(indices)
        if part.paths is None:
            parts.append(Part(*part.arrays()))
        else:
            parts.append(Part(np.stack([preprocess_image(p) for p in part.paths]), part.labels))
    return Data(*parts, classes=dataset.classes, channels=parts[0].images.shape[-1], note=None)


def conv(filters: int) -> nc.Conv2D:
    """Return a convolution that keeps the image's size, initialised for relu."""
    return nc.Conv2D(filters, 3, padding="same", activation="relu", initializer="he_normal")


class CosineDecay(nc.Callback):
    """Let the learning rate fall along half a cosine, so that the last epochs only settle."""

    def __init__(self, learning_rate: float, epochs: int) -> None:
        self.learning_rate, self.epochs = learning_rate, epochs

    def on_epoch_begin(self, epoch: int) -> None:
        fraction = (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        self.model.optimizer.learning_rate = self.learning_rate * fraction


def create_model(
    input_shape: tuple[int, ...], n_classes: int, learning_rate: float, improved: bool, seed: int
) -> nc.Sequential:
    """Build and compile the article's network, or with `improved` a deeper, regularised one."""
    if improved:
        layers = [
            *(conv(16), conv(16), nc.MaxPool2D(2)),
            *(conv(32), conv(32), nc.MaxPool2D(2)),
            *(conv(64), nc.MaxPool2D(2)),
            *(nc.Flatten(), nc.Dropout(0.5), nc.Dense(64, activation="relu"), nc.Dropout(0.5)),
        ]
        optimizer = nc.AdamW(learning_rate, weight_decay=0.05)
    else:
        layers = [
            nc.Conv2D(32, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(64, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
        ]
        optimizer = nc.Adam(learning_rate)
    layers.append(nc.Dense(n_classes, activation="softmax"))
    model = nc.Sequential(layers, input_shape=input_shape, seed=seed)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def train_model(
    model: nc.Sequential, data: Data, epochs: int, batch_size: int, improved: bool, verbose: bool
) -> nc.History:
    """Train; with `improved` rare classes weigh more, labels are soft, and the rate falls."""
    options: dict[str, Any] = {}
    if improved:
        counts = np.bincount(data.train.labels, minlength=len(data.classes))
        options = {
            "class_weight": len(data.train.labels) / (len(counts) * np.maximum(counts, 1)),
            "label_smoothing": 0.1,
            "callbacks": [CosineDecay(model.optimizer.learning_rate, epochs)],
        }
    return model.fit(
        data.train.images,
        data.train.labels,
        epochs=epochs,
        batch_size=batch_size,
        validation_data=(data.val.images, data.val.labels),
        verbose=verbose,
        **options,
    )


def evaluate_model(model: nc.Sequential, data: Data) -> tuple[dict[str, Any], np.ndarray]:
    """Look at the test part, once. Return the numbers, and the probabilities behind them."""
    probabilities = model.predict(data.test.images)
    found: dict[str, Any] = {}
    for name, result in bootstrap.summarize(data.test.labels, probabilities).items():
        value, *interval = (v if math.isfinite(v) else None for v in result[:3])  # JSON has no NaN
        found[f"test_{name}"], found[f"test_{name}_interval"] = value, interval
    print(f"Test accuracy: {100 * found['test_accuracy']:.2f}%")
    return found, probabilities


def compare(data: Data, probabilities: np.ndarray) -> dict[str, Any]:
    """Set the network beside what is simpler, and look where it errs. For phantoms."""
    found = baseline_report.measure_baselines(
        *(part[:2] for part in (data.train, data.val, data.test))
    )
    right = probabilities.argmax(axis=1) == data.test.labels
    nodule, diameters = data.test.labels == 1, data.test.diameters
    found["accuracy_by_nodule_diameter_mm"] = {
        f"{low} to {high}": [float(right[chosen].mean()), int(chosen.sum())]
        for low, high in itertools.pairwise(NODULE_BINS_MM)
        if (chosen := nodule & (low <= diameters) & (diameters < high)).any()
    }
    print(f"\n{baseline_report.baseline_table(found)}")
    print(f"  {'the network':42} {right.mean():8.3f}\n\nnodules found, by diameter")
    for interval, (accuracy, n) in found["accuracy_by_nodule_diameter_mm"].items():
        print(f"  {interval:>9} mm  {accuracy:.3f} of {n}")
    return found


def draw(history: nc.History, data: Data, probabilities: np.ndarray, out: Path) -> None:
    """Leave the curves, the confusion matrix and some predictions as pictures."""
    plots.plot_history(history.history, out / "curves.png", note=data.note)
    matrix = metrics.confusion_matrix(data.test.labels, probabilities, len(data.classes))
    plots.plot_confusion_matrix(matrix, data.classes, out / "confusion_matrix.png", note=data.note)
    images = data.test.images.reshape(*data.test.images.shape[:3], -1)  # grey wants its axis
    named = (data.test.labels, probabilities, data.classes)
    plots.plot_predictions(images, *named, out / "predictions.png", note=data.note)


def peak_memory_mb() -> float | None:
    """Return the largest resident size of this process so far, in MB; None where nobody tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    for name in ("epochs", "batch_size", "limit"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(
                f"--{name.replace('_', '-')} must be a whole number from 1, got {value}"
            )
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.data is None:
        print(f"drawing {sum(PHANTOMS.values())} {SYNTHETIC}")
        data = make_phantoms(args.seed, args.limit)
    else:
        data = read_data(args.data, args.seed, args.limit)
    seconds_data = time.perf_counter() - STARTED
    shape = (*data.train.images.shape[1:3], data.channels)
    model = create_model(shape, len(data.classes), args.learning_rate, args.improved, args.seed)
    model.summary()
    began = time.perf_counter()
    try:
        history = train_model(
            model, data, args.epochs, args.batch_size, args.improved, not args.quiet
        )
    except KeyboardInterrupt:
        model.save(out / "model.safetensors")
        print(f"\ninterrupted; the model as it is now is in {out / 'model.safetensors'}")
        raise
    seconds_train = time.perf_counter() - began
    model.save(out / "model.safetensors")
    history.to_csv(out / "history.csv")
    found, probabilities = evaluate_model(model, data)
    if args.data is None:
        nc.release_memory()  # what training left for reuse: the baselines want room, too
        found |= compare(data, probabilities)
    draw(history, data, probabilities, out)
    found |= {
        "n_train": len(data.train.labels),
        "n_val": len(data.val.labels),
        "n_test": len(data.test.labels),
        "classes": data.classes,
        "seconds_data": seconds_data,
        "seconds_train": seconds_train,
        "seconds_total": time.perf_counter() - STARTED,
        "peak_rss_mb": peak_memory_mb(),
        "weights_sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
        **{k: v for k, v in vars(args).items() if k not in ("data", "out", "quiet")},
    }
    (out / "metrics.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\npictures, model and metrics.json are in {out}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help="folder or .npz file; default: phantoms")
    parser.add_argument("--epochs", type=int, help="default: 10, and 15 with --improved")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="use at most this many images of each part")
    parser.add_argument("--improved", action="store_true", help="deeper network, regularised")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--out", metavar="DIR", default="out/lung_ct")
    args = parser.parse_args()
    if args.epochs is None:
        args.epochs = 15 if args.improved else 10
    try:
        run(args)
    except (nc.data.DataError, nc.Diverged, ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
