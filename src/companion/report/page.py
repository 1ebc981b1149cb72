"""A page of a chapter: the run that it makes, the recorded ones, and what it shows of them."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

import pandas as pd

from companion.errors import DataError
from companion.profiles import parse_parameters
from companion.report.evidence import columns
from companion.report.figures import confusion, tsne_scatter
from companion.report.shown import Shown
from companion.report.strip import downloads, what_was_run
from companion.report.style import Figure, show
from companion.report.tables import comparison_table, fold_table, plain_table
from companion.results.proofs import passed
from companion.results.run import Run, recorded
from companion.results.scorecard import scorecard_rows

Runs = Mapping[str, Run]
NOTHING = Shown("<p>Nothing is recorded yet.</p>", "Nothing is recorded yet.")


class Runnable(Protocol):
    """What a page needs to know of an experiment."""

    @property
    def name(self) -> str:
        """``PAPER/CHAPTER``."""

    @property
    def profiles(self) -> Mapping[str, Any]:
        """Settings by profile."""

    @property
    def paper(self) -> str:
        """The paper in ``data/published``."""

    def run(self, profile: str, **parameters: Any) -> Run:
        """Run it, or find it."""


class Page:
    """A chapter page. Making one runs the experiment, or finds its run.

    Args:
        experiment: Of the chapter.
        given: The notebook's names: ``locals()``. A name that is no parameter is refused, so that a parameter which
            was misspelt does not pass unnoticed.

    Attributes:
        build: This build's run; None where the profile has no such experiment.
        recorded: Recorded runs by profile.
    """

    def __init__(self, experiment: Runnable, given: Mapping[str, Any]) -> None:
        self.experiment, self.paper = experiment, experiment.paper
        self.parameters = parse_parameters(parameters_of(given))
        self.recorded = recorded(experiment.name)
        known = self.parameters.profile in experiment.profiles
        self.build = experiment.run(**self.parameters.model_dump()) if known else None

    def table(self, item: str, caption: str = "") -> Shown:
        """Published, recorded and built cells of one item side by side."""
        return comparison_table(self.paper, item, self.recorded, self.build, caption)

    def claims(self, ids: Sequence[str], caption: str = "The paper's claims, by criteria written before the run",
               digits: int = 1) -> Shown:  # fmt: skip
        """What became of some published rows, from the same computation as the scorecard's."""
        rows = self.scorecard(ids)
        numbers = zip(rows["value"], rows["ci_low"], rows["ci_high"], strict=True)
        found = [_measured(value, low, high, digits) for value, low, high in numbers]
        table = pd.DataFrame(
            {
                "id": rows["id"],
                "claim": rows["row"].where(rows["item"] != "Prose", ""),
                "published": rows["published"],
                "found": found,
                "status": rows["status"],
                "verdict": rows["verdict"],
                "where": rows["where"],
            }
        )
        return plain_table(table, caption)

    def scorecard(self, ids: Sequence[str]) -> pd.DataFrame:
        """Lines of the scorecard for some published rows that this page answers."""
        pages = dict.fromkeys(ids, self.experiment.name)
        built = [self.build] if self.build else []
        rows = scorecard_rows(self.recorded.values(), built, pages, passed())
        return rows.set_index("id", drop=False).loc[list(ids)].reset_index(drop=True)

    def strips(self) -> Shown:
        """What was run for each recorded result."""
        return stacked([what_was_run(run) for run in self.recorded.values()])

    def downloads(self) -> Shown:
        """Links to the rows and tables of every run, and to the executed notebook."""
        runs = [*self.recorded.values(), *([self.build] if self.build else [])]
        return stacked([downloads(run, self.experiment.name) for run in runs])

    def joined(self, name: str) -> pd.DataFrame:
        """One table of every run, one below the other, with a column ``run`` that says whose line it is."""
        found = [(column.heading, column.run) for column in columns(self.recorded, self.build)]
        parts = [run.table(name).assign(run=heading) for heading, run in found if name in run.table_names]
        if not parts:
            raise DataError(f"no run has a table {name!r}", expected="at least one")
        return pd.concat(parts, ignore_index=True)

    def maps(self) -> Figure:
        """t-SNE pictures of every run, side by side."""
        panels = {
            column.heading: column.run.table("tsne").rename(columns={"superclass": "group"})
            for column in columns(self.recorded, self.build)
            if "tsne" in column.run.table_names
        }
        return tsne_scatter(panels)

    def confusions(self, cell: str) -> Shown:
        """Confusion matrices of one cell, drawn one below the other."""
        shown = []
        for heading, counts in confusion_tables(self.recorded, self.build, cell).items():
            wrong = counts.copy()
            for label in counts.index:
                wrong.loc[label, label] = 0
            true, said = wrong.stack().idxmax()
            right = sum(int(counts.loc[label, label]) for label in counts.index)
            alt = (
                f"Confusion matrix, {heading}: {right} of {int(counts.to_numpy().sum())} clips are right; "
                f"most often {true} is taken for {said}, {int(wrong.to_numpy().max())} times."
            )
            shown.append(show(confusion(counts, heading), alt=alt))
        return stacked(shown)

    def folds(self, probe: str = "LIBLINEAR") -> Shown:
        """Accuracy in every fold, for the networks whose trunk was trained on the source."""
        shown = []
        for column in columns(self.recorded, self.build):
            folds = column.run.table("folds")
            kept = folds[(folds["trunk"] == "source") & (folds["probe"] == probe)]
            kept = kept.rename(columns={"accuracy %": "value"})[["row", "column", "fold", "value"]]
            shown.append(fold_table(kept, caption=column.heading))
        return stacked(shown)

    def probes(self) -> Shown:
        """C, inner accuracy and convergence of the probes on the trained trunk."""
        shown = []
        for column in columns(self.recorded, self.build):
            probes = column.run.table("probes")
            kept = probes[(probes["trunk"] == "source") & (probes["run"] == 0)].drop(columns=["trunk", "run"])
            text = kept.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value))
            shown.append(plain_table(text, column.heading))
        return stacked(shown)


def parameters_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters among a notebook's names: plain values in lower case, before anything else was computed.

    Args:
        given: ``locals()``. What Jupyter itself defines, modules, classes and functions are passed over.
    """
    return {
        name: value
        for name, value in given.items()
        if name.islower() and not name.startswith("_") and not isinstance(value, ModuleType | type)
        and not callable(value)
    }  # fmt: skip


def confusion_tables(recorded: Runs, build: Run | None, cell: str) -> dict[str, pd.DataFrame]:
    """Confusion matrix of one column of the ``predictions`` table, for every run that has it."""
    found = {}
    for column in columns(recorded, build):
        predictions = column.run.table("predictions")
        if cell in predictions:
            classes = sorted(predictions["label"].unique())
            counts = pd.crosstab(predictions["label"], predictions[cell])
            found[column.heading] = counts.reindex(index=classes, columns=classes, fill_value=0)
    return found


def stacked(shown: Sequence[Shown]) -> Shown:
    """One below the other."""
    if not shown:
        return NOTHING
    whole = shown[0]
    for part in shown[1:]:
        whole = whole + part
    return whole


def _measured(value: float, low: float, high: float, digits: int) -> str:
    if pd.isna(value):
        return "–"
    ends = "" if pd.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"
