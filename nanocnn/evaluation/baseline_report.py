"""All baselines at once: what can be told from the pixels, the histogram, or one number?

A network is worth its name only where these fail.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .baselines import histogram_features, logistic_regression_accuracy, single_feature_accuracy

Labelled = tuple[NDArray[Any], NDArray[Any]]


def measure_baselines(train: Labelled, val: Labelled, test: Labelled) -> dict[str, Any]:
    """Fit and measure every baseline of `nanocnn.evaluation.baselines`, ready for JSON.

    Parameters
    ----------
    train, val, test : (images, labels)
        Images (N, H, W) or (N, H, W, C) in [0, 1], labels (N,) of 0 and 1. The logistic
        regressions choose their L2 strength on `val`.

    Returns
    -------
    found : dict
        baseline_logistic_accuracy, baseline_histogram_accuracy and baseline_feature_accuracy (the
        best single number on `test`), with what belongs to each.
    """
    found: dict[str, Any] = {}
    for name in ("logistic", "histogram"):
        parts = [
            array
            for images, labels in (train, val, test)
            for array in (histogram_features(images) if name == "histogram" else images, labels)
        ]
        result = logistic_regression_accuracy(*parts)
        found[f"baseline_{name}_accuracy"] = result.test_accuracy
        found[f"baseline_{name}_training_accuracy"] = result.train_accuracy
        found[f"baseline_{name}_l2"] = result.l2
        found[f"baseline_{name}_gradient_norm"] = result.gradient_norm
    singles = single_feature_accuracy(*train, *test)
    best = max(singles, key=lambda feature: singles[feature])
    found["baseline_feature"] = best
    found["baseline_feature_accuracy"] = singles[best]
    found["baseline_features"] = singles
    return found


def baseline_table(found: dict[str, Any]) -> str:
    """Return what `measure_baselines` found as lines of text."""
    lines = [f"{'on the test images':44} accuracy  in training"]
    for name, features in (("logistic", "the pixels"), ("histogram", "a 64-bin histogram")):
        lines.append(
            f"  {f'logistic regression on {features}':42} "
            f"{found[f'baseline_{name}_accuracy']:8.3f}  "
            f"{found[f'baseline_{name}_training_accuracy']:11.3f}  "
            f"(L2 {found[f'baseline_{name}_l2']:g})"
        )
    for feature, accuracy in found["baseline_features"].items():
        lines.append(f"  {f'one number: {feature}':42} {accuracy:8.3f}")
    return "\n".join(lines)
