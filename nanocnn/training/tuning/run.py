"""Random search with successive halving."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..batches import is_dataset
from ..fingerprint import describe_options, fingerprint
from ..recipe import describe_model
from .halving import Rung, best_of, make_rungs
from .search import Samples, Search, check_build, check_monitor
from .space import check_space
from .store import Outcome, Store
from .trials import Trial, Tuning

if TYPE_CHECKING:
    from ...data import Augment, ImageDataset, Preparation


def tune(
    build: Callable[..., Any],
    space: Mapping[str, Any],
    dataset: ImageDataset | tuple[Any, Any],
    *,
    trials: int = 27,
    epochs: int = 9,
    eta: int = 3,
    min_epochs: int = 1,
    seed: int = 0,
    monitor: str = "val_accuracy",
    mode: str | None = None,
    validation_data: Any = None,
    validation_share: float = 0.2,
    groups: Any = None,
    preparation: Preparation | None = None,
    batch_size: int = 32,
    augment: Augment | None = None,
    balanced: bool = False,
    shuffle: bool = True,
    class_weight: Sequence[float] | Mapping[int, float] | None = None,
    label_smoothing: float = 0.0,
    folder: str | os.PathLike[str] | None = None,
    verbose: bool = True,
) -> Tuning:
    """Search for hyper-parameters: many trials with few epochs, then the best of them with more.

    All trials are trained for a few epochs, the best 1/eta of them for eta times as many, and so
    on up to `epochs`; with the defaults 27 trials for 1 epoch, 9 for 3 and 3 for 9. Each training
    begins from the start: a learning rate schedule then means what it says, and a trial's result
    does not depend on the others. All together costs at most eta / (eta - 1) times what going on
    with half-trained models would.

    Parameters
    ----------
    build : function that returns a new, compiled model, or a pair (model, fit arguments)
        Called with the values by name, as in ``build(learning_rate=0.01)``, and with a `seed` if it
        takes one. A dict of fit arguments beside the model, such as ``{"batch_size": batch_size}``,
        takes the place of those below: the function alone knows what a name is for. There may be
        `callbacks` and `mixup` in it too.
    space : dict of name to a list, `uniform`, `log_uniform` or `integer`
    dataset : ImageDataset, or pair (x, y) of arrays
        A data set is raw and streamed through a `DataLoader`; arrays are ready, as in `fit`. If it
        has parts, "train" and "val" are used as they are, and "test" is not touched.
    trials, epochs : int        how many draws; how long the last few are trained
    eta, min_epochs : int       by what the trials are divided; the shortest training there may be
    seed : int                  trial i's values and training depend on it and on i alone
    monitor : str               the score: ``val_`` and the loss or a compiled metric, after the
                                last epoch
    mode : "max" or "min"       whether more is better; None: known for val_accuracy and val_loss
    validation_data : (x, y) or data set
        None: the part "val", or else a share `validation_share` of the images for training, each
        class in proportion and no group in both.
    groups : (N,) array or None
        Patients, for example. None: ``dataset.groups``.
    preparation : Preparation or None
        For a data set; fitted on the images that are learnt from.
    batch_size, augment, balanced, shuffle, class_weight, label_smoothing : as in `cross_validate`
    folder : path or None
        Where each finished training is noted. The same call goes on from there after an
        interruption, to the same bits; the training that was interrupted starts again.
    verbose : bool              show the progress

    Returns
    -------
    result : Tuning
        ``print(result)``, ``result.best_values``, ``result.best_model()``,
        ``result.figure("tuning.png")``, ``result.to_csv("tuning.csv")``, ``result.to_json()``.
        Trials that diverged, or whose values `build` refused, are in it, with the reason.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or `folder` belongs to another search. What `build` raises, if
        it does so for all trials.

    Examples
    --------
    >>> def build(learning_rate, filters, batch_size, seed):
    ...     model = nc.Sequential([nc.Conv2D(filters, 3), nc.Flatten(), nc.Dense(2)], seed=seed)
    ...     model.compile(nc.Adam(learning_rate), "softmax_cross_entropy", ["accuracy"])
    ...     return model, {"batch_size": batch_size}
    >>> space = {"learning_rate": nc.training.log_uniform(1e-4, 1e-1),
    ...          "filters": nc.training.integer(4, 32), "batch_size": [16, 32, 64]}
    >>> result = nc.training.tune(build, space, dataset, folder="out")    # doctest: +SKIP
    """
    for name, value, least in (("trials", trials, 1), ("epochs", epochs, 1), ("eta", eta, 2),
                               ("min_epochs", min_epochs, 1), ("seed", seed, 0)):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
    if min_epochs > epochs:
        raise ValueError(f"min_epochs is {min_epochs}, more than epochs, {epochs}")
    checked = check_space(space)
    check_build(build, checked)
    samples = Samples(dataset, validation_data, validation_share, seed, groups, preparation)
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "augment": augment,
        "mixup": 0.0,
        "balanced": balanced,
        "shuffle": shuffle,
        "class_weight": class_weight,
        "label_smoothing": label_smoothing,
        "callbacks": (),
    }
    search = Search(build, checked, samples, options, int(seed), monitor)
    model, first_options = search.first_that_builds(trials)
    mode = check_monitor(monitor, mode, model)
    store = None
    if folder is not None:
        sizes = {"trials": trials, "epochs": epochs, "eta": eta, "min_epochs": min_epochs}
        asked = {**sizes, "seed": seed, "monitor": monitor, "mode": mode, "space": checked}
        told = {**asked, **first_options, "preparation": preparation}
        told["callbacks"] = [type(callback).__name__ for callback in first_options["callbacks"]]
        recipe = {"format": 1, **describe_options(told), **describe_model(model)}
        store = Store(folder, {**recipe, **_fingerprints(samples)})
    rungs = make_rungs(trials, epochs, eta, min_epochs)
    done = _climb(search, rungs, mode, store, verbose)
    return Tuning(_rank(search, done, mode), checked, monitor, mode,
                  lambda trial: search.train(trial.number, trial.epochs)[1])  # fmt: skip


def _climb(
    search: Search, rungs: list[Rung], mode: str, store: Store | None, verbose: bool
) -> dict[int, dict[int, Outcome]]:
    """Train rung after rung. Return what came of each training, by trial and epochs."""
    from tqdm import tqdm

    done: dict[int, dict[int, Outcome]] = {}
    going = list(range(rungs[0].trials))
    with tqdm(
        total=sum(rung.trials for rung in rungs), disable=not verbose, unit="training"
    ) as bar:
        for k, rung in enumerate(rungs):
            bar.set_description(f"{len(going)} trials, epochs {rung.epochs}")
            scores: dict[int, float] = {}
            for trial in going:
                outcome = None if store is None else store.load(trial, rung.epochs)
                if outcome is None:
                    outcome, _ = search.train(trial, rung.epochs)
                    if store is not None:
                        store.save(trial, rung.epochs, outcome)
                done.setdefault(trial, {})[rung.epochs] = outcome
                if outcome.score is not None:
                    scores[trial] = outcome.score
                    (best,) = best_of(scores, 1, mode)
                    bar.set_postfix_str(f"best {search.monitor} {scores[best]:.4f}, trial {best}")
                bar.update()
            if k + 1 < len(rungs):
                going = best_of(scores, rungs[k + 1].trials, mode)
                bar.total -= rungs[k + 1].trials - len(going)  # fewer, where many failed
    return done


def _rank(search: Search, done: dict[int, dict[int, Outcome]], mode: str) -> tuple[Trial, ...]:
    """Return all trials: those that came further first, then by score, failed ones last."""
    trials = []
    for number, outcomes in done.items():
        epochs, last = max(outcomes.items())
        seconds = sum(outcome.seconds for outcome in outcomes.values())
        trials.append(Trial(number, search.values(number), epochs, last.score, seconds,
                            last.failed, last.history))  # fmt: skip
    sign = -1 if mode == "max" else 1

    def key(t: Trial) -> tuple[bool, int, float, int]:
        return t.score is None, -t.epochs, sign * (t.score or 0.0), t.number

    return tuple(sorted(trials, key=key))


def _fingerprints(samples: Samples) -> dict[str, str]:
    """Return hashes of what is learnt from and of what is measured on."""
    images, targets, chosen = samples.images, samples.targets, samples.chosen
    train = images.subset(chosen) if is_dataset(images) else images[chosen]
    labels = images.labels if targets is None else targets
    val = samples.validation
    x, y = (val, val.labels) if is_dataset(val) else (np.asarray(val[0]), np.asarray(val[1]))
    return {
        "data": fingerprint(train, labels[chosen], None),
        "validation": fingerprint(x, y, None),
    }
