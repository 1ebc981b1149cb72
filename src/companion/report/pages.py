"""What result pages show of several runs at once: recorded ones beside this build's, never mixed."""

from collections.abc import Sequence

import pandas as pd

from companion.errors import DataError
from companion.report.comparison import sources
from companion.report.display import Shown
from companion.report.drawings import confusion, tsne_scatter
from companion.report.figures import Figure, show
from companion.report.prose import prose_rows
from companion.report.runs import Run
from companion.report.scorecard import scorecard_rows
from companion.report.strip import downloads, what_was_run
from companion.report.tables import comparison_table, fold_table, plain_table

Runs = dict[str, Run]
NOTHING = Shown("<p>Nothing is recorded yet.</p>", "Nothing is recorded yet.")


def recorded_strips(recorded: Runs) -> Shown:
    """What was run for each recorded result."""
    return stacked([what_was_run(run) for run in recorded.values()])


def recorded_downloads(recorded: Runs, page: str) -> Shown:
    """Links to the rows and tables of each recorded run."""
    return stacked([downloads(run, page) for run in recorded.values()])


def joined(name: str, recorded: Runs, build: Run) -> pd.DataFrame:
    """One table of every run, one below the other, with a column ``run`` that says whose line it is."""
    parts = []
    for source in sources(recorded, build):
        if name in source.run.table_names:
            parts.append(source.run.table(name).assign(run=source.heading))
    if not parts:
        raise DataError(f"no run has a table {name!r}", expected="at least one", repair=build.provenance["command"])
    return pd.concat(parts, ignore_index=True)


def verdicts(recorded: Runs, build: Run, item: str) -> Shown:
    """Paired differences with what their interval says: above zero, below, or undecided."""
    return comparison_table("Kumar2018", item, recorded, build, "Differences in percentage points")


def confusion_tables(recorded: Runs, build: Run, column: str) -> dict[str, pd.DataFrame]:
    """Confusion matrix of one column of the ``predictions`` table, for every run that has it."""
    found = {}
    for source in sources(recorded, build):
        predictions = source.run.table("predictions")
        if column in predictions:
            classes = sorted(predictions["label"].unique())
            counts = pd.crosstab(predictions["label"], predictions[column])
            found[source.heading] = counts.reindex(index=classes, columns=classes, fill_value=0)
    return found


def confusions(recorded: Runs, build: Run, column: str) -> Shown:
    """Confusion matrices of one cell, drawn one below the other."""
    shown = []
    for heading, counts in confusion_tables(recorded, build, column).items():
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


def fold_tables(recorded: Runs, build: Run, probe: str = "LIBLINEAR") -> Shown:
    """Accuracy in every fold, for the networks whose trunk was trained on the source."""
    shown = []
    for source in sources(recorded, build):
        folds = source.run.table("folds")
        kept = folds[(folds["trunk"] == "source") & (folds["probe"] == probe)].rename(columns={"accuracy %": "value"})
        shown.append(fold_table(kept[["row", "column", "fold", "value"]], caption=source.heading))
    return stacked(shown)


def adaptation(recorded: Runs, build: Run) -> pd.DataFrame:
    """Learning curves of the adaptation from the trained trunk, the first recorded run's or else this build's."""
    source = sources(recorded, build)[0]
    curves = source.run.table("adaptation_curves")
    kept = curves[curves["trunk"] == "source"]
    return kept.assign(method=[f"Method {name}, {source.heading}" for name in kept["method"]])


def probe_tables(recorded: Runs, build: Run) -> Shown:
    """C, inner accuracy and convergence of the probes on the trained trunk."""
    shown = []
    for source in sources(recorded, build):
        probes = source.run.table("probes")
        kept = probes[(probes["trunk"] == "source") & (probes["run"] == 0)].drop(columns=["trunk", "run"])
        text = kept.map(lambda value: f"{value:.3g}" if isinstance(value, float) else str(value))
        shown.append(plain_table(text, source.heading))
    return stacked(shown)


def neighbours(recorded: Runs) -> Shown:
    """Classes nearest to the vacuum cleaner, of every recorded run."""
    caption = "Classes by the mean rank of their centroid's distance to the vacuum cleaner's, {} profile"
    return stacked([plain_table(run.table("class_neighbours"), caption.format(name)) for name, run in recorded.items()])


def maps(recorded: Runs, build: Run) -> Figure:
    """t-SNE pictures of every run, side by side."""
    panels = {
        source.heading: source.run.table("tsne").rename(columns={"superclass": "group"})
        for source in sources(recorded, build)
    }
    return tsne_scatter(panels)


def stacked(shown: list[Shown]) -> Shown:
    """One below the other."""
    if not shown:
        return NOTHING
    whole = shown[0]
    for part in shown[1:]:
        whole = whole + part
    return whole


def claims(
    recorded: Runs,
    build: Run,
    identities: Sequence[str],
    caption: str = "The paper's claims about Table 2, by the criteria written before the run",
    digits: int = 1,
) -> Shown:
    """What became of some published rows, from the same computation as the scorecard's."""
    rows = scorecard_rows(list(recorded.values()), [build])
    kept = rows[rows["id"].isin(identities)]
    table = pd.DataFrame(
        {
            "row": kept["id"],
            "claim": kept["item"],
            "published": kept["published"],
            "measured": [
                _measured(value, low, high, digits)
                for value, low, high in zip(kept["value"], kept["ci_low"], kept["ci_high"], strict=True)
            ],
            "status": kept["status"],
            "what it says": kept["verdict"],
            "where": kept["where"],
        }
    )
    return plain_table(table, caption)


def prose(recorded: Runs, build: Run, identities: Sequence[str]) -> Shown:
    """What became of some claims that the papers make in words only."""
    rows = prose_rows(list(recorded.values()), [build])
    return prose_table(rows[rows["id"].isin(identities)], "Claims in prose, by criteria written before the run")


def prose_table(rows: pd.DataFrame, caption: str) -> Shown:
    """Claims in prose with their outcome."""
    value = [f"{value:.1f}" if pd.notna(value) else "–" for value in rows["value"]]
    shown = rows[["id", "claim", "holds when"]].assign(measured=value, outcome=rows["outcome"], where=rows["where"])
    return plain_table(shown, caption)


def _measured(value: float, low: float, high: float, digits: int) -> str:
    if pd.isna(value):
        return "–"
    ends = "" if pd.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"
