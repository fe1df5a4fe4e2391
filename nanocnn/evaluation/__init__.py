"""Measuring a classifier: metrics, their uncertainty, pictures, and baselines to beat."""

from .bootstrap import Estimate, bootstrap_interval, estimate, summarize
from .metrics import (
    RocCurve,
    accuracy,
    auc,
    confusion_matrix,
    f1,
    precision,
    roc_curve,
    sensitivity,
    specificity,
)
from .plots import plot_confusion_matrix, plot_history, plot_predictions, plot_roc

__all__ = [
    "Estimate",
    "RocCurve",
    "accuracy",
    "auc",
    "bootstrap_interval",
    "confusion_matrix",
    "estimate",
    "f1",
    "plot_confusion_matrix",
    "plot_history",
    "plot_predictions",
    "plot_roc",
    "precision",
    "roc_curve",
    "sensitivity",
    "specificity",
    "summarize",
]
