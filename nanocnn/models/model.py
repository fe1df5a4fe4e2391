"""The verbs of a model: compile, fit, evaluate, predict, summary, save."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optimizers
from ..layers.base import Array, Layer, Shape
from ..optimizers import Optimizer
from ..training import loop
from ..training.callbacks import Callback
from ..training.checkpoint import Checkpoint
from ..training.history import History
from ..training.objective import Loss, Metric, Objective, make_objective
from .checks import check_callbacks, check_seed

if TYPE_CHECKING:
    from ..data import Preparation
    from .weights import LoadedWeights


class Model(Layer):
    """A layer with the Keras verbs. `Sequential` is the model to use; this is what it adds.

    Attributes
    ----------
    input_shape, output_shape : tuple of int or None
        Without the batch axis; None before the model is built.
    stop_training : bool
        A callback sets it to end `fit` after the current batch.
    preparation : nanocnn.data.Preparation or None
        How files and data sets become what the model sees; `fit` on a data set or a loader stores
        it, `evaluate` and `predict` apply it, `save` keeps it.
    """

    def __init__(self, *, name: str | None, seed: int, dtype: str) -> None:
        super().__init__(name=name)
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        self.dtype = dtype
        self.seed = check_seed(seed)
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self.optimizer: Optimizer | None = None
        self.loss: str | Loss | None = None
        self.metrics: tuple[str | Metric, ...] = ()
        self.stop_training = False
        self.preparation: Preparation | None = None

    def compile(
        self,
        optimizer: str | Optimizer = "adam",
        loss: str | Loss | None = None,
        metrics: Sequence[str | Metric] = ("accuracy",),
    ) -> None:
        """Say how to train: optimizer, loss and metrics are stored, nothing more.

        Parameters
        ----------
        optimizer : str or Optimizer
            A name such as "adam", or an object such as `nanocnn.Adam(1e-3)`.
        loss : str or function `(y, target) -> (loss, dy)`
            See `nanocnn.losses`. "categorical_crossentropy" is for models that end in softmax and
            runs as softmax cross-entropy on the numbers before it, which is the same and does not
            overflow; "softmax_cross_entropy" is for models that end in logits.
            Options go in by `functools.partial`, as in ``partial(nc.losses.focal, gamma=3)``,
            which saved models keep.
        metrics : sequence of "accuracy", "dice" or functions `(target, y) -> float`
            Of masks, "accuracy" is the share of pixels, "dice" the mean over the classes but 0.

        Raises
        ------
        ValueError
            If a name is unknown, or the loss does not fit the model's last layer.
        """
        if loss is None:
            raise ValueError("compile needs a loss, for example loss='softmax_cross_entropy'")
        resolved = optimizers.get(optimizer)
        make_objective(self, loss, metrics, None, 0.0)  # complains now, not in the first epoch
        self.optimizer, self.loss, self.metrics = resolved, loss, tuple(metrics)

    def objective(self, class_weight: Any = None, label_smoothing: float = 0.0) -> Objective:
        """Return what `fit` minimises and `evaluate` measures; RuntimeError if not compiled."""
        if self.loss is None:
            raise RuntimeError(
                "the model has no loss yet: call model.compile(optimizer=..., loss=...) first"
            )
        return make_objective(self, self.loss, self.metrics, class_weight, label_smoothing)

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        class_weight: Sequence[float] | Mapping[int, float] | None = None,
        label_smoothing: float = 0.0,
        sample_weight: Any = None,
        shuffle: bool = True,
        callbacks: Iterable[Callback] = (),
        seed: int | None = None,
        verbose: bool = True,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        accumulate: int = 1,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : (N, H, W, C) or (N, H, W) array, list of N images, data set, or DataLoader
            Converted batch by batch to the model's dtype; grey images are repeated to the model's
            channels. Numbers are not rescaled. A data set is decoded once and held in memory, a
            `nanocnn.data.DataLoader` makes its batches as they are needed; the preparation of
            either is stored in the model.
        y : (N,), (N, 1) or one-hot (N, K) labels, (N, H, W) masks, or what the loss takes
            None if x is a data set or a loader.
        epochs, batch_size : int
            A loader has its own batch size (which then is that of validation, too) and order.
        validation_data : (x, y) or data set, optional
            Measured after each epoch, never learnt from. A data set is prepared as that for
            training is; beside a loader its images are decoded in each epoch, and not held.
        class_weight : (K,) sequence or dict of label to weight, optional
        label_smoothing : float
            From 0 to below 1; for the cross-entropies of this package.
        sample_weight : (N,) or (N, H, W) array, optional
            How much each image, or each pixel of a mask, counts in the loss; beside arrays. Masks
            of data sets and loaders leave pixels out by a label, see `ignore_class` of the losses.
        shuffle : bool
            Draw a new order for each epoch, from the seed.
        callbacks : Callbacks
            Such as a schedule (`nanocnn.schedules`, at most one) and `nanocnn.EarlyStopping`.
        seed : int, default the model's
            Of the order and of dropout. Same seed, same bits, on any number of threads.
        verbose : bool
            Show a progress bar.
        checkpoint : path or `nanocnn.training.Checkpoint`, optional
            A folder to which each epoch is written down, so that the same call goes on from there
            if it is interrupted or killed at any moment, to the same bits; after its last epoch it
            returns at once, with the model and its history. With more `epochs` it goes on.
        accumulate : int
            Make a step after so many batches, with the mean of their gradients: as with a batch
            so many times as large, in the memory of one. The last batches of an epoch make a step
            even if they are fewer. Batch normalization still sees each batch alone.

        Returns
        -------
        History
            `history.history["loss"]` and so on: one value for each epoch.

        Raises
        ------
        ValueError, TypeError
            If images, labels or arguments do not fit, or the checkpoints are of another run;
            nothing has been changed then. What a loader
            finds later on ends training in its midst, and the steps that were done stay done.
        nanocnn.training.Diverged
            If the loss or a gradient is NaN or infinite; the message tells the batch, and the
            parameters are as they were before it.
        """
        seed = self.seed if seed is None else check_seed(seed)
        return loop.fit(
            self,
            x,
            y,
            epochs=epochs,
            batch_size=batch_size,
            validation_data=validation_data,
            objective=self.objective(class_weight, label_smoothing),
            sample_weight=sample_weight,
            shuffle=shuffle,
            callbacks=check_callbacks(callbacks),
            seed=seed,
            verbose=verbose,
            checkpoint=checkpoint,
            accumulate=accumulate,
        )

    def evaluate(self, x: Any, y: Any = None, *, batch_size: int = 32) -> tuple[float, ...]:
        """Return (loss, metrics...), a tuple whose fields have names: `scores.accuracy`.

        Parameters
        ----------
        x : array, list of images, data set, path, or list of paths
            Arrays go into the layers as they are; a data set, and files, which
            `preparation.open` opens, are prepared as for training.
        y : as for `fit`
            None if x brings its labels.
        batch_size : int
        """
        return loop.evaluate(self, x, y, batch_size=batch_size, objective=self.objective())

    def predict(self, x: Any, *, batch_size: int = 32) -> Array:
        """Return the model's output for each image, as it is: (N, ...) in the model's dtype.

        Parameters
        ----------
        x : array, list of images, data set, path, or list of paths
            As for `evaluate`: ``model.predict("scan.dcm")`` prepares the file as for training. A
            file that holds several images (frames, slices) gives a row for each.
        batch_size : int
        """
        return loop.predict(self, x, batch_size=batch_size)

    def summary(self) -> str:
        """Print and return a table of the layers: output shape, parameters, cost, memory."""
        from .summary import summarize

        text = summarize(self)
        print(text)
        return text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write architecture, parameters and state to a safetensors file; see `nanocnn.load`.

        Optimizer, loss and metrics are stored by name where they have one. The optimizer's
        running averages are not: training that goes on from a file starts them anew.
        """
        from .saving import save

        save(self, path)

    def contents(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what `save` writes: a description that JSON can hold, and arrays by name."""
        from .saving import contents

        return contents(self)

    def load_weights(
        self,
        path: str | os.PathLike[str],
        *,
        by_name: bool = False,
        skip_mismatch: bool = False,
    ) -> LoadedWeights:
        """Take over parameters and state of a saved model or a checkpoint.

        Parameters
        ----------
        path : str or path
        by_name : bool
            Take what has the same name, and leave the rest; else all names must be the same. Give
            a new head a name of its own: those that are given are counted alike in both models.
        skip_mismatch : bool
            With `by_name`: also leave what has the same name but another shape or dtype.

        Returns
        -------
        LoadedWeights
            The names that were `taken`, and those that are `missing` in the file, `mismatched`
            (other shape or dtype), or `unused` by the model. Print it.

        Raises
        ------
        nanocnn.models.saving.ModelFileError
            If the file is damaged, or does not fit; nothing has been changed then.

        Examples
        --------
        A model for 3 classes becomes one for 5: its new head is trained alone, then all of it.
        `nanocnn.models.weights` tells how to keep layers without writing them down again.

        >>> import numpy as np
        >>> import nanocnn as nc
        >>> def model_for(classes, head):
        ...     layers = [nc.Conv2D(4, 3, activation="relu"), nc.GlobalAveragePool2D(),
        ...               nc.Dense(classes, name=head)]
        ...     return nc.Sequential(layers, input_shape=(8, 8, 1))
        >>> model_for(3, "head").save("old.safetensors")
        >>> model = model_for(5, "new_head")
        >>> print(model.load_weights("old.safetensors", by_name=True))
        taken 2: conv2d_1.w, conv2d_1.b
        missing 2: new_head.w, new_head.b
        mismatched 0: -
        unused 2: head.b, head.w
        >>> x, y = np.random.default_rng(0).random((20, 8, 8, 1)), np.arange(20) % 5
        >>> model[:-1].freeze()
        >>> model.compile(nc.Adam(1e-2), "softmax_cross_entropy")
        >>> history = model.fit(x, y, epochs=2, verbose=False)
        >>> model.unfreeze()
        >>> model.compile(nc.Adam(1e-4), "softmax_cross_entropy")
        >>> history = model.fit(x, y, epochs=2, verbose=False)
        """
        from .weights import load_weights

        return load_weights(self, path, by_name=by_name, skip_mismatch=skip_mismatch)

    def ensure_built(self, input_shape: Shape) -> None:
        """Build the model for this input if it is not built yet."""
        if self.input_shape is None:
            self.build(input_shape, np.random.default_rng(self.seed))
