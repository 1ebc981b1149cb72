"""Linear probes: what a linear SVM can read off a representation."""

from companion.probes.nested import PROBES, FoldProbe, probe_fold, probe_folds

__all__ = ["PROBES", "FoldProbe", "probe_fold", "probe_folds"]
