"""A page of a chapter: what it answers from the recorded run, and what the run that it makes computed, folded away."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

import pandas as pd

from companion.errors import DataError
from companion.profiles import Parameters, parse_parameters
from companion.report.answer import Finding, Judge, answer_box, claims_table
from companion.report.evidence import Column, columns
from companion.report.figures import confusion, differences
from companion.report.settings import departures
from companion.report.shown import Shown, escape, folded
from companion.report.strip import banner, citation, downloads, what_was_run
from companion.report.style import show
from companion.report.tables import Heads, fold_table, grid, long_table, plain_table
from companion.results.proofs import passed
from companion.results.run import Run, recorded
from companion.results.scorecard import scorecard_rows

Runs = Mapping[str, Run]
JUPYTER = ("In", "Out")
"""Names without an underscore that Jupyter gives every notebook."""
NOTHING = Shown("", "")


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

    @property
    def answers(self) -> Sequence[str]:
        """Published ids that it answers."""

    @property
    def of_machine(self) -> bool:
        """Its rows are times, which vary from repeat to repeat."""

    def run(self, profile: str, **parameters: Any) -> Run:
        """Run it, or find it."""


CLAIMS = (
    "Claims, by criteria that are older than the run; where one was changed, it says so. A line without a row is this "
    "book's own question."
)
"""Above a table of claims."""


class Page:
    """A chapter page. Making one runs the experiment, or finds its run.

    What stands in front comes from the strongest recorded run; this build's run, which for the demo says nothing about
    sound, is folded away below. Where nothing is recorded, this build's stands in front, and says so.

    Args:
        experiment: Of the chapter.
        given: The notebook's names: ``locals()``. A name that is no parameter is refused, so that a parameter which
            was misspelt does not pass unnoticed.

    Attributes:
        heads: What the rows and columns of an item are, by ``CHAPTER/ITEM`` or ``ITEM``, without what follows its first
            comma; a paper's pages say it for theirs.
        samples: What the intervals of a chapter are over, where that is not recordings.
        build: This build's run; None where the profile has no such experiment.
        recorded: Recorded runs by profile.
    """

    heads: Mapping[str, Heads] = {}
    samples: Mapping[str, str] = {}

    def __init__(self, experiment: Runnable, given: Mapping[str, Any]) -> None:
        self.experiment, self.paper = experiment, experiment.paper
        self.parameters = parse_parameters(parameters_of(given))
        self.recorded = recorded(experiment.name)
        known = self.parameters.profile in experiment.profiles
        self.build = experiment.run(**self.parameters.model_dump()) if known else None

    @cached_property
    def evidence(self) -> Column:
        """The run that the page answers from.

        Raises:
            DataError: Nothing is recorded, and this build has no run.
        """
        found = columns(self.recorded, self.build)
        if not found:
            raise DataError(f"{self.experiment.name}: no run", expected="a recorded one, or a profile that has one")
        return found[0]

    @cached_property
    def judge(self) -> Judge:
        """Answers findings from that run."""
        return Judge(self.paper, self.evidence)

    @property
    def others(self) -> list[Column]:
        """Every run that does not stand in front."""
        return columns(self.recorded, self.build)[1:]

    # --- in front

    def answer(self, *findings: Finding) -> Shown:
        """The findings of the page with their verdicts, and one line on how sure they are."""
        sure = self.sure()
        if self.evidence.recorded and self.parameters.profile == "demo":
            sure += " What the cells below print comes from generated sound: it is no evidence."
        box = answer_box([self.judge.answer(one) for one in findings], sure)
        return box if self.evidence.recorded else banner(self.evidence.run.profile) + box

    def sure(self) -> str:
        """How many recordings, seeds and source trainings stand behind the page, and on which data."""
        said, rows = self.evidence.run.provenance, self.evidence.run.rows
        spread, seeds = rows[rows["ci_low"].notna()], len(said["seeds"])
        over = self.samples.get(self.experiment.name.rpartition("/")[2], "recordings")
        if self.experiment.of_machine or spread.empty:  # times vary from repeat to repeat, and counts do not
            words = "95 % intervals over repeats" if len(spread) else "counted"
        else:
            count = said["n_recordings"] if over == "recordings" else int(spread["n_recordings"].max())
            words = f"{count} {over}, {seeds} seed{'s' if seeds > 1 else ''}; 95 % intervals over {over}"
            words += " and seeds" if seeds > 1 else ", not over seeds"
        return f"How sure: {words}. Data: {said['data']}. {self.evidence.heading.capitalize()}."

    def claims(self, *findings: Finding, caption: str = CLAIMS) -> Shown:
        """Findings in a table, with links to the scorecard."""
        up = "../" * self.experiment.name.count("/")
        return claims_table([self.judge.answer(one) for one in findings], f"{up}scorecard.html", caption)

    def grid(self, item: str, caption: str = "") -> Shown:
        """A table in the paper's shape."""
        return grid(self.paper, item, self.evidence, self.heads_of(item), caption)

    def table(self, item: str, caption: str = "") -> Shown:
        """A table line by line."""
        return long_table(self.paper, item, self.evidence, self.heads_of(item), caption)

    def heads_of(self, item: str) -> Heads:
        """What the rows and columns of an item are.

        Raises:
            ValueError: It stands nowhere in ``heads``.
        """
        chapter, name = self.experiment.name.rpartition("/")[2], item.partition(",")[0]
        for key in (f"{chapter}/{name}", name):
            if key in self.heads:
                return self.heads[key]
        raise ValueError(f"{self.experiment.name}: the pages' heads do not say what rows and columns of {name!r} are")

    def differences(self, lines: Mapping[str, Mapping[str, str]], unit: str, *, scale: float = 1.0,
                    caption: str = "") -> Shown:  # fmt: skip
        """A figure of differences: those found beside those that follow from the published numbers.

        Args:
            lines: By heading and label a difference in the language of ``criteria.csv``, say ``C058 - C059``; those
                that were not measured are left out.
            unit: Of all of them.
            scale: Factor from the rows' unit to it.
            caption: Below the figure.
        """
        found = []
        for group, labels in lines.items():
            for label, rule in labels.items():
                measured, published = self.judge.measured(f"{rule} > 0"), self.judge.published(f"{rule} > 0")
                if not self.judge.paired(f"{rule} > 0"):
                    raise ValueError(f"{group}, {label}: the experiment has no paired row for {rule}")
                if measured is not None:
                    numbers = (published, measured.value, measured.low, measured.high)
                    found.append((group, label, *(scale * number for number in numbers)))
        if not found and self.evidence.recorded:
            raise ValueError(f"{self.experiment.name}: no line of this figure was measured: {dict(lines)}")
        if not found:
            words = "This build measured nothing that the figure would show."
            return Shown(f"<p>{words}</p>", words)
        table = pd.DataFrame(found, columns=["group", "label", "published", "value", "low", "high"])
        above, below = (table["low"] > 0).sum(), (table["high"] < 0).sum()
        alt = (
            f"{len(table)} differences with intervals, {self.evidence.heading}: {above} lie above zero, "
            f"{below} below, {len(table) - above - below} include it."
        )
        return show(differences(table, unit), alt=alt, caption=caption)

    def confusion(self, cell: str) -> Shown:
        """Confusion matrix of one column of the table ``predictions``."""
        return confusion_figure(self.evidence, cell)

    # --- folded

    def built(self, *items: str) -> Shown:
        """Tables of this build's run, and of recorded runs that do not stand in front."""
        return stacked(
            [
                folded(f"{_first_up(c.heading)} ({c.run.profile})", banner(c.run.profile) + self._of(c, items))
                for c in self.others
            ]
        )

    def variants(self, *items: str) -> Shown:
        """Further tables of the run in front."""
        return folded("Other variants", self._of(self.evidence, items))

    def folds(self, probe: str = "LIBLINEAR") -> Shown:
        """Accuracy in every fold, for the networks whose trunk was trained on the source."""
        table = self.evidence.run.table("folds")
        kept = table[(table["trunk"] == "source") & (table["probe"] == probe)]
        kept = kept.rename(columns={"accuracy %": "value"})[["row", "column", "fold", "value"]]
        return folded("Fold by fold", fold_table(kept, self.heads_of("Fold by fold"), caption=self.evidence.heading))

    def probes(self) -> Shown:
        """C, inner accuracy and convergence of the probes on the trained trunk."""
        table = self.evidence.run.table("probes")
        kept = table[(table["trunk"] == "source") & (table["run"] == 0)].drop(columns=["trunk", "run"])
        text = kept.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value))
        return folded("How every classifier was chosen", plain_table(text, self.evidence.heading))

    def made(self) -> Shown:
        """How each run was made, what still waits for data, downloads and the citation."""
        parts = [
            folded(
                f"How it was made: {column.heading}",
                what_was_run(column.run) + departures(column.run, self.experiment.profiles),
            )
            for column in self._all()
        ]
        waiting = self.scorecard()
        waiting = waiting[waiting["status"] == "waiting"]
        if len(waiting):
            what = waiting[["row", "column"]].agg(lambda names: ", ".join(filter(None, names)), axis=1)
            waiting = waiting[["id", "item", "published", "where"]].rename(columns={"where": "page"})
            waiting.insert(2, "what", what)
            parts.append(folded(f"Rows that wait for data ({len(waiting)})", plain_table(waiting)))
        parts.append(folded("Downloads", downloads(self.recorded.values(), self.experiment.name)))
        return stacked([*parts, citation(self.paper)])

    def scorecard(self) -> pd.DataFrame:
        """Lines of the scorecard for the published rows that this page answers."""
        built = [self.build] if self.build else []
        pages = dict.fromkeys(self.experiment.answers, self.experiment.name)
        rows = scorecard_rows(self.recorded.values(), built, pages, passed())
        return rows[rows["id"].isin(pages)].reset_index(drop=True)

    def _all(self) -> Iterator[Column]:
        yield self.evidence
        yield from self.others

    def _of(self, column: Column, items: Sequence[str]) -> Shown:
        present = [item for item in items if (column.run.rows["item"] == item).any()]
        return stacked([long_table(self.paper, item, column, self.heads_of(item)) for item in present])


def confusion_figure(column: Column, cell: str) -> Shown:
    """Confusion matrix of one column of a run's table ``predictions``, with its commonest error in words."""
    counts = confusion_counts(column.run, cell)
    wrong = counts.copy()
    for label in counts.index:
        wrong.loc[label, label] = 0
    true, said = wrong.stack().idxmax()
    right, times = sum(int(counts.loc[label, label]) for label in counts.index), int(wrong.to_numpy().max())
    error = f"; most often {true} is taken for {said}, {times} time{'s' if times > 1 else ''}" if times else ""
    alt = f"Confusion matrix, {column.heading}: {right} of {int(counts.to_numpy().sum())} clips are right{error}."
    words = alt.split(": ", 1)[1]
    drawn = show(confusion(counts), alt=alt, caption=column.heading)
    return Shown(f"<p>{escape(_first_up(words))}</p>", _first_up(words)) + folded("Every confusion", drawn)


def confusion_counts(run: Run, cell: str) -> pd.DataFrame:
    """Clips by reference and estimated class."""
    predictions = run.table("predictions")
    classes = sorted(predictions["label"].unique())
    counts = pd.crosstab(predictions["label"], predictions[cell])
    return counts.reindex(index=classes, columns=classes, fill_value=0)


def parameters_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters among a notebook's names: plain values, before anything else was computed.

    Args:
        given: ``locals()``. What Jupyter itself defines, modules, classes, functions and constants are passed over;
            not so a parameter in capitals.
    """
    return {
        name: value
        for name, value in given.items()
        if (not name.isupper() or name.lower() in Parameters.model_fields) and name not in JUPYTER
        and not name.startswith("_") and not isinstance(value, ModuleType | type) and not callable(value)
    }  # fmt: skip


def stacked(shown: Sequence[Shown]) -> Shown:
    """One below the other."""
    if not shown:
        return NOTHING
    whole = shown[0]
    for part in shown[1:]:
        whole = whole + part
    return whole


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
