"""Linear probes: what a linear SVM can read off a representation."""

from companion.probes.nested import PROBES, FoldProbe, probe_fold, probe_folds
from companion.probes.svm import LinearSVM, LinearSVMCV

__all__ = ["PROBES", "FoldProbe", "LinearSVM", "LinearSVMCV", "probe_fold", "probe_folds"]
