"""Measuring models: metrics, their uncertainty, pictures, and baselines to beat."""

from .bootstrap import Estimate, bootstrap_interval, estimate, paired_difference, summarize
from .case_plots import plot_segmentation_cases, plot_segmentation_scores
from .contours import plot_contours
from .grading import mean_absolute_error, quadratic_kappa, r2
from .groups import per_group
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
from .overlap import dice, jaccard
from .plots import plot_confusion_matrix, plot_history, plot_predictions, plot_roc
from .segmentation import SegmentationReport, segmentation_report
from .surface import hausdorff95

__all__ = [
    "Estimate",
    "RocCurve",
    "SegmentationReport",
    "accuracy",
    "auc",
    "bootstrap_interval",
    "confusion_matrix",
    "dice",
    "estimate",
    "f1",
    "hausdorff95",
    "jaccard",
    "mean_absolute_error",
    "paired_difference",
    "per_group",
    "plot_confusion_matrix",
    "plot_contours",
    "plot_history",
    "plot_predictions",
    "plot_roc",
    "plot_segmentation_cases",
    "plot_segmentation_scores",
    "precision",
    "quadratic_kappa",
    "r2",
    "roc_curve",
    "segmentation_report",
    "sensitivity",
    "specificity",
    "summarize",
]
