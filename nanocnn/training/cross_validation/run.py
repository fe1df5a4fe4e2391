"""Cross-validation: every image is tested once, by a model that has not seen it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...layers.base import Array
from ..batches import is_dataset
from ..callbacks import Callback
from ..fingerprint import describe_options, fingerprint
from ..recipe import check_is_new, describe_model, make
from ..samples import open_samples, take, train_on
from .result import CrossValidation, Fold
from .scores import choose_metrics, measure
from .store import Store

if TYPE_CHECKING:
    from ...data import Augment, ImageDataset, Preparation

Metric = Callable[[Array, Array], float]


def cross_validate(
    build_model: Callable[..., Any],
    dataset: ImageDataset | tuple[Any, Any],
    k: int = 5,
    *,
    seed: int = 0,
    epochs: int = 1,
    batch_size: int = 32,
    groups: Any = None,
    preparation: Preparation | None = None,
    augment: Augment | None = None,
    balanced: bool = False,
    shuffle: bool = True,
    class_weight: Sequence[float] | Mapping[int, float] | None = None,
    label_smoothing: float = 0.0,
    callbacks: Iterable[Callback] = (),
    metrics: Sequence[str | Metric] | None = None,
    folder: str | os.PathLike[str] | None = None,
    verbose: bool = True,
) -> CrossValidation:
    """Train k models, each on all images but a k-th, and test each on that k-th.

    Parameters
    ----------
    build_model : function that returns a new, compiled model
        With a parameter called `seed`, or without: fold after fold it gets another one.
    dataset : ImageDataset, or pair (x, y) of arrays
        A data set is raw and streamed through a `DataLoader`; arrays are ready, as in `fit`.
    k : int             folds; each class is spread evenly over them, see `nanocnn.data.kfold`
    seed : int          of the folds, and of the seed of each
    epochs, batch_size, shuffle, class_weight, label_smoothing : as in `fit`
    groups : (N,) array or None
        Patients, for example, none of whom is in two folds. None: ``dataset.groups``.
    preparation : Preparation or None
        For a data set; fitted anew in each fold, on the images that the fold learns from.
    augment, balanced : as in `nanocnn.data.DataLoader`
    callbacks : Callbacks
        The same objects in every fold: what they remember, `on_train_begin` must clear.
    metrics : sequence of names or functions, or None
        Beside the loss and metrics that the model is compiled with: names of functions in
        `nanocnn.evaluation`, such as "auc" and "sensitivity", or functions ``(true, probabilities)
        -> float`` of the fold's test images. None: "auc" for a classifier.
    folder : path or None
        Where each finished fold is kept, with its model. The same call goes on from there after
        an interruption, to the same bits; the fold that was interrupted starts again.
    verbose : bool      show the progress

    Returns
    -------
    result : CrossValidation
        ``print(result)``, ``result.mean["accuracy"]``, ``result.outputs``, ``result.to_json()``.

    Raises
    ------
    DataError
        If the folds cannot be made, such as for a class with fewer images than k.
    ValueError, TypeError
        If an argument does not fit, or `folder` belongs to another cross-validation.

    Examples
    --------
    >>> def build(seed):
    ...     model = nc.Sequential([nc.Conv2D(8, 3), nc.Flatten(), nc.Dense(2)], seed=seed)
    ...     model.compile("adam", "softmax_cross_entropy")
    ...     return model
    >>> result = nc.training.cross_validate(build, dataset, folder="out")    # doctest: +SKIP
    """
    from ...data import kfold

    images, targets, labels, owners = open_samples(dataset, groups, preparation)
    folds = kfold(labels, k, seed, groups=owners)
    _warn_of_shared_images(images, folds)
    seeds = [int(s) for s in np.random.SeedSequence([seed, 1]).generate_state(len(folds))]
    callbacks = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    loading: dict[str, Any] = {"augment": augment, "balanced": balanced, "shuffle": shuffle}
    fitting: dict[str, Any] = {
        "epochs": epochs,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
    }
    last = make(build_model, seeds[0])
    check_is_new(last, None)
    if metrics is not None:
        choose_metrics(metrics, last, targets)  # complains now, not after the first fold
    store = None
    if folder is not None:
        options = {"k": k, "seed": seed, "batch_size": batch_size, **loading, **fitting}
        options |= {"preparation": preparation, "metrics": metrics}
        options["callbacks"] = [type(callback).__name__ for callback in callbacks]
        recipe = {"format": 1, **describe_options(options), **describe_model(last)}
        store = Store(folder, {**recipe, "data": fingerprint(images, targets, owners)})
    done = []
    for i, (train, test) in enumerate(folds):
        fold = None if store is None else store.load(i, test)
        kept = fold is not None
        if fold is None:
            if verbose:
                _say(f"fold {i + 1} of {len(folds)}: {len(train)} images to learn from, "
                     f"{len(test)} to test on")  # fmt: skip
            model = make(build_model, seeds[i])
            check_is_new(model, last)
            last = model
            history = train_on(
                model, images, targets, train, preparation, batch_size, seeds[i], loading,
                {**fitting, "callbacks": callbacks, "verbose": verbose},
            )  # fmt: skip
            chosen = choose_metrics(metrics, model, targets)
            scores, outputs = measure(model, *take(images, targets, test), batch_size, chosen)
            fold = Fold(test, len(train), scores, history, outputs)
            if store is not None:
                store.save(i, fold, model)
        if verbose:
            text = ", ".join(f"{name} {value:.4f}" for name, value in fold.scores.items())
            _say(f"fold {i + 1} of {len(folds)}{' was done before' if kept else ''}: {text}")
        done.append(fold)
    return CrossValidation(tuple(done), targets)


def _warn_of_shared_images(images: Any, folds: list[tuple[Array, Array]]) -> None:
    """Warn in one line if an image is in the data set twice, and its copies in different folds."""
    from ...data import LeakWarning, check_leaks

    shared = {}
    for i, (train, test) in enumerate(folds):
        pair = [images.subset(part) if is_dataset(images) else images[part]
                for part in (train, test)]  # fmt: skip
        leaks = check_leaks(*pair)
        if leaks.images:
            shared[i + 1] = f"{leaks!s}"
    if shared:
        first = next(iter(shared))
        warnings.warn(
            f"{len(shared)} of {len(folds)} folds are tested on images that they learn from; in "
            f"fold {first} {shared[first]}: remove copies, or give groups; see dataset.audit()",
            LeakWarning,
            stacklevel=3,
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
