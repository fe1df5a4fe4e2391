"""From a folder of DICOM files to an audited, split, augmented data set, and a model that keeps it.

    python examples/prepare_images.py                  synthetic CT slices, written as a hospital
                                                       would export them, with planted faults
    python examples/prepare_images.py --data PATH      your own: a folder with one subfolder per
                                                       class, or a table (.csv) of path and label

Needs `pip install "nanocnn[medical]"`. Read `run` from top to bottom: ten steps, each of which says
in a line what it found. In `--out`: contact_sheet.png, audit.png, preparation.png,
augmentation.png, batch.png, model.safetensors, audit.json, report.txt (what was printed) and
metrics.json. For research and teaching; no medical device.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from image_steps import drawing, keeping_secrets
from image_steps.cleaning import clean
from image_steps.dicom_folder import Export, write_folder, write_new_scan

import nanocnn as nc

SYNTHETIC = "synthetic slices (phantoms), not patients"
FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}
WRITTEN_SIZE = 192  # of the synthetic files; they are opened at --size


class Report:
    """Print lines, and remember them for report.txt."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str) -> None:
        print(text, flush=True)
        self.lines.append(text)


def create_model(shape: tuple[int, ...], n_classes: int, seed: int) -> nc.Sequential:
    """Build and compile a small network."""
    layers = [
        *(nc.Conv2D(16, 3, activation="relu"), nc.MaxPool2D(2)),
        *(nc.Conv2D(32, 3, activation="relu"), nc.MaxPool2D(2)),
        *(nc.Conv2D(32, 3, activation="relu"), nc.MaxPool2D(2)),
        *(nc.Flatten(), nc.Dropout(0.2), nc.Dense(n_classes, activation="softmax")),
    ]
    model = nc.Sequential(layers, input_shape=shape, seed=seed)
    model.compile(optimizer=nc.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def run(args: argparse.Namespace) -> None:
    """Do the whole job."""
    began, say, out = time.perf_counter(), Report(), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"seed": args.seed, "synthetic": args.data is None}

    # 0. The data: your own, or a folder of synthetic patients.
    export: Export | None = None
    if args.data is None:
        export = write_folder(out / "dicom", args.patients, WRITTEN_SIZE, args.seed)
        say(f"0 data      {export.files} {SYNTHETIC}, of {export.patients} in {out / 'dicom'}")
        found["planted"] = export.planted
    source = Path(args.data) if export is None else export.table
    folder = source if source.is_dir() else source.parent

    # 1. Open. The window turns Hounsfield units into grey values. Patient ids become pseudonyms
    # under a key: whoever has the key can tell which pseudonym an id has, so it lies neither with
    # the data nor with the results.
    key = keeping_secrets.find_key(Path(args.key_file), folder, out)
    dataset = nc.data.open(
        source, size=args.size, channels=1, window=parse_window(args.window), key=key
    )
    files = dataset.paths
    if files is None or dataset.has_masks or len(dataset.classes) < 2:
        raise nc.data.DataError(
            f"{source.name!r} is not a collection of labelled files; needed is a folder with one "
            "subfolder per class, or a table (.csv) of path and label"
        )
    say(f"1 open      {dataset}")
    pseudonym = "not known" if dataset.groups is None else str(dataset.groups[0])
    say(f"            window: {args.window}; the first patient: {pseudonym}")

    # 2. Look, before anything is computed: are these the right images, and is the window right?
    title = f"{'Synthetic slices' if export else 'Images'}, window: {args.window}"
    drawing.contact_sheet(dataset, out / "contact_sheet.png", title)
    say("2 look      contact_sheet.png; look for names that are burned into the pixels as well")

    # 3. Audit, and act on it: no file leaves without a reason that is written down.
    report = dataset.audit(verbose=not args.quiet)
    report.figure(out / "audit.png")
    say(f"3 audit     {len(report.problems)} kinds of problems; audit.png, audit.json")
    say(f"\n{report}\n")
    (out / "audit.json").write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    dataset, removed, patients = clean(dataset, report)
    for name, reason in removed.items():
        say(f"            removed {name}: {reason}")
    found |= {"problems": report.problems, "removed": removed, "n_images": len(dataset)}

    # 4. Split by patient, all parts with the same mixture of classes; then audit the split itself.
    # Parts that the data may bring are joined first.
    indices = nc.data.stratified_split(
        dataset.labels, tuple(FRACTIONS.values()), args.seed, groups=patients
    )
    parts = dict(zip(FRACTIONS, indices, strict=True))
    left = dataset.audit(parts, verbose=not args.quiet).problems
    train, val, test = (dataset.subset(part) for part in parts.values())
    found["parts"] = {name: describe(dataset.subset(part)) for name, part in parts.items()}
    found["problems_after"] = left
    for name, part in found["parts"].items():
        say(f"4 {name:8}  {part['images']} images {part['classes']} of {len(part['patients'])} "
            "patients")  # fmt: skip
    say(f"            audited again: {'; '.join(left) if left else 'no problems'}")

    # 5. Prepare. Mean and deviation come from the training part alone: the others are the future.
    # CLAHE brings out faint edges, and gives up that a grey value means a density; leave it out
    # where density decides.
    t = nc.data.transforms
    steps = t.Compose([t.CLAHE(clip=0.01), t.ZScore()]).fit(train)
    recipe = nc.data.Preparation(transforms=steps)
    image = train[int(np.argmin(train.labels))][0]
    steps.gallery(image).savefig(out / "preparation.png")
    say(f"5 prepare   {', '.join(map(repr, recipe.steps))}; preparation.png")
    found["preparation"] = recipe.to_config()

    # 6. Augment: only what could be seen in another patient. A chest is not flipped, its heart is
    # on the left.
    augment = nc.data.Augment(
        rotate=8, zoom=0.08, shift=0.04, elastic=0.015, brightness=0.05, contrast=0.1, noise=0.01,
        seed=args.seed,
    )  # fmt: skip
    augment.gallery(image).savefig(out / "augmentation.png")
    say(f"6 augment   {augment}; augmentation.png")

    # 7. Feed: decoded, prepared and augmented in threads, as many images of each class.
    loader = nc.data.DataLoader(
        train, args.batch_size, seed=args.seed, preparation=recipe, augment=augment, balanced=True
    )
    x, y = loader.peek()
    title = "The first batch, as the network gets it"
    drawing.batch(x, y, dataset.classes, out / "batch.png", title)
    started = time.perf_counter()
    drawn = np.concatenate([labels for _, labels in loader.epoch(0)])
    found["images_per_second"] = len(drawn) / (time.perf_counter() - started)
    counts = np.bincount(drawn, minlength=len(dataset.classes))
    found["drawn_of_each_class"] = dict(zip(dataset.classes, counts.tolist(), strict=True))
    say(f"7 feed      {found['images_per_second']:.0f} images a second from the files, "
        f"{found['drawn_of_each_class']} an epoch; batch.png")  # fmt: skip

    # 8. Train, a little. The model keeps the preparation, window and size included.
    model = create_model(x.shape[1:], len(dataset.classes), args.seed)
    history = model.fit(
        loader, epochs=args.epochs, validation_data=val, verbose=not args.quiet
    ).history
    model.save(out / "model.safetensors")
    found |= {"loss": history["loss"], "val_accuracy": history["val_accuracy"][-1]}
    found["test_accuracy"] = model.evaluate(test).accuracy
    loss = f"{history['loss'][0]:.3f} to {history['loss'][-1]:.3f}"
    say(f"8 train     {args.epochs} epochs, loss {loss}; accuracy on test images "
        f"{found['test_accuracy']:.2f}")  # fmt: skip

    # 9. Predict on a file with what the model file holds: no second recipe.
    if export is None:
        new = test.paths[0]
    else:
        new = out / "dicom_new" / "scan.dcm"
        write_new_scan(new, export.patients, WRITTEN_SIZE, args.seed)
    before, after = model.predict(new), nc.load(out / "model.safetensors").predict(new)
    if not np.array_equal(before, after):
        raise ValueError("the loaded model predicts otherwise than the one that was saved")
    found["prediction"] = dict(zip(dataset.classes, after[0].tolist(), strict=True))
    shown = ", ".join(f"{name} {p:.2f}" for name, p in found["prediction"].items())
    say(f"9 predict   a new file with model.safetensors alone: {shown}")

    # 10. Did a name get out? Search for it.
    values = keeping_secrets.identifying_values({*files, new}) | {key: "the key"}
    found |= {"values_searched": len(values), "seconds": time.perf_counter() - began}
    names = "\n".join(dataset.name(i) for i in range(len(dataset)))
    texts = {**keeping_secrets.texts_of(out), "the names of images, which the pictures show": names}
    texts |= {"report.txt": "\n".join(say.lines), "metrics.json": json.dumps(found)}
    if leaks := keeping_secrets.search(values, texts):
        raise ValueError(
            f"what identifies a patient was written to {out}: {', '.join(leaks)}; rename the files "
            "or folders that are named so, and delete these results"
        )
    say(f"10 secrets  {len(values)} names, ids, dates and others are in the headers; none of them "
        "is in the model, the reports, the pictures' names or texts")  # fmt: skip
    (out / "report.txt").write_text("\n".join(say.lines) + "\n", "utf-8")
    (out / "metrics.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(f"\npictures, model, reports and metrics.json are in {out}")


def describe(part: nc.data.ImageDataset) -> dict[str, Any]:
    """Return what metrics.json says of a part; patients by their pseudonyms."""
    counts = np.bincount(part.labels, minlength=len(part.classes)).tolist()
    return {
        "images": len(part),
        "classes": dict(zip(part.classes, counts, strict=True)),
        "patients": [] if part.groups is None else sorted(set(part.groups.tolist())),
    }


def parse_window(text: str) -> str | tuple[float, float] | None:
    """Return a window's name, its centre and width, or None for that of each file."""
    if text == "file":
        return None
    center, comma, width = text.partition(",")
    try:
        return (float(center), float(width)) if comma else text
    except ValueError:
        raise nc.data.DataError(f"--window={text} is none; give two numbers or a name") from None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help="folder or table; default: phantoms")
    parser.add_argument("--window", default="lung",
                        help="lung, brain, bone, 'soft tissue', centre and width as in "
                             "--window=-600,1500, or file: each file's own")  # fmt: skip
    parser.add_argument("--size", type=int, default=128, help="pixels a side that are trained on")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--patients", type=int, default=120, help="synthetic ones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--key-file", metavar="FILE", default="~/.nanocnn/patients.key",
                        help="used where the variable NANOCNN_KEY is not set")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--out", metavar="DIR", default="out/prepare_images")
    args = parser.parse_args()
    args.key_file = Path(args.key_file).expanduser()
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
