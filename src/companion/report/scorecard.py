"""The status of every published row, computed from the criteria and the results on disk.

A status is one of six:

- ``exact``: proved by a named test;
- ``reproduced``: measured on the paper's own data, and the published value lies in the interval (a claim that
  prints no size: it holds);
- ``restaged``: same method, measure and aggregation on real audio, and for a row named after a class a class
  of the same meaning;
- ``simulated``: computed on synthetic sound only;
- ``waiting``: nothing was measured;
- ``cited``: others' number, quoted by the paper.

Reproduced is restaged with two conditions more, so a row measured on the paper's own data that misses the
published value stays ``restaged``, and its verdict says that it missed. Likewise a claim that real audio
contradicts is ``restaged`` with the verdict "contradicted here": the status says what was done, the verdict
how it came out.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion.atomic import write_json
from companion.errors import DataError
from companion.report.answers import Answer, PublishedRow, Reader, answer, published_rows
from companion.report.criteria import Criterion, load_class_mapping, load_criteria, names_a_test
from companion.report.published import SHORT_NAMES, load_published
from companion.report.repository import repository_root
from companion.report.row_format import KEY
from companion.report.runs import Run

STATUSES = ("exact", "reproduced", "restaged", "simulated", "waiting", "cited")
COLUMNS = ["id", "paper", "item", "published", "value", "ci_low", "ci_high", "profile", "status", "where"]
"""Columns of the scorecard and fields of its JSON, in order."""

STRENGTH = ("official", "restaged", "synthetic")
"""Kinds of evidence, the strongest first."""


@dataclass(frozen=True)
class _Source:
    """A run that can be asked, and the words that say where it stands."""

    reader: Reader
    recorded: bool

    @property
    def run(self) -> Run:
        return self.reader.run

    @property
    def where(self) -> str:
        place = "data/recorded/" if self.recorded else "this build: "
        return f"{place}{self.run.profile}/{self.run.experiment}"


def scorecard_rows(recorded: Iterable[Run], runs: Iterable[Run] = (), root: Path | None = None) -> pd.DataFrame:
    """One line for each of the published rows, in their order.

    The strongest evidence speaks: official before restaged before synthetic, and a recorded run before one of
    this build. A claim is judged within one run; rows of two runs are never mixed.

    Args:
        recorded: Runs kept under data/recorded.
        runs: Runs of this build.
        root: Another checkout, for its tests, notebooks and published values.

    Returns:
        DataFrame: :data:`COLUMNS`, then ``row``, ``column``, ``measure``, ``verdict`` and ``criterion``.

    Raises:
        DataError: A published row has no criterion, or two recorded runs of equal strength answer it.
    """
    root = root or repository_root() or Path.cwd()
    folder = root / "data" / "published"
    published, criteria, classes = load_published(folder), load_criteria(folder), load_class_mapping(folder)
    if set(published.index) != set(criteria):
        odd = sorted(set(published.index) ^ set(criteria))
        raise DataError(f"published.csv and criteria.csv differ in {', '.join(odd)}", expected="one criterion a row")
    rows = published_rows(published)
    sources = [_Source(Reader(run, rows, classes), True) for run in recorded]
    sources += [_Source(Reader(run, rows, classes), False) for run in runs]
    sources.sort(key=lambda source: (STRENGTH.index(source.run.evidence), not source.recorded))
    lines = []
    for name, row in rows.items():
        criterion = criteria[name]
        line = _fixed(criterion, row, root) or _measured(criterion, sources) or _waiting(criterion, root)
        shown = published.at[name, "published"] if math.isnan(row.number) else row.number
        words = dict(zip(KEY, row.key, strict=True))
        lines.append({"id": name, **words, "published": shown, "criterion": criterion.words, **line})
    return pd.DataFrame(lines)[[*COLUMNS, "row", "column", "measure", "verdict", "criterion"]]


def _line(status: str, where: str, source: _Source | None = None, found: Answer | None = None) -> dict[str, object]:
    value, low, high = (found.value, found.low, found.high) if found else (math.nan,) * 3
    return {
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "profile": source.run.profile if source else "",
        "status": status,
        "where": where,
        "verdict": found.verdict if found else "",
    }


def _fixed(criterion: Criterion, row: PublishedRow, root: Path) -> dict[str, object] | None:
    """Line of a row that no measurement changes: proved by a test, or others' number."""
    if criterion.kind == "cited":
        return _line("cited", f"quoted by {SHORT_NAMES[row.paper]} for {row.row}")
    if criterion.test and names_a_test(criterion.test, root):
        return _line("exact", criterion.test)
    return None


def _measured(criterion: Criterion, sources: Sequence[_Source]) -> dict[str, object] | None:
    """Line from the first source that answers, or None."""
    answers = [(source, found) for source in sources if (found := answer(criterion, source.reader))]
    if not answers:
        return None
    source, found = answers[0]
    equal = [other for other, _ in answers[1:] if other.recorded and other.run.evidence == source.run.evidence]
    if source.recorded and equal:
        raise DataError(
            f"{criterion.id} is answered by both {source.where} and {equal[0].where}",
            expected="one recorded run for each kind of evidence",
            repair="give the rows of one of the two another item name",
        )
    status = {"synthetic": "simulated", "restaged": "restaged", "official": "restaged"}[source.run.evidence]
    return _line("reproduced" if found.reproduced else status, source.where, source, found)


def _waiting(criterion: Criterion, root: Path) -> dict[str, object]:
    """Line of a row without an answer: what it needs and the command to run then."""
    if criterion.kind == "fact":
        return _line("waiting", "needs no data, but the network and a test of it, in a later chapter; then: make test")
    command = f"companion run {criterion.notebook} --profile paper"
    written = (root / "book" / f"{criterion.notebook}.ipynb").is_file()
    return _line("waiting", f"needs {criterion.needs}; then: {command}{'' if written else ' (a later chapter)'}")


def status_counts(scorecard: pd.DataFrame) -> pd.DataFrame:
    """Rows per paper and status, papers in the order of the book, every status a column."""
    counts = pd.crosstab(scorecard["paper"], scorecard["status"])
    return counts.reindex(index=list(SHORT_NAMES), columns=list(STATUSES), fill_value=0)


def json_rows(scorecard: pd.DataFrame) -> list[dict[str, object]]:
    """The scorecard as plain records: missing numbers are None, and ``where`` carries the verdict."""
    rows = scorecard.assign(where=[
        f"{line.where} ({line.verdict})" if line.verdict else line.where for line in scorecard.itertuples()
    ])[COLUMNS]  # fmt: skip
    return rows.astype(object).where(rows.notna(), None).to_dict(orient="records")


def write_scorecard(path: Path, scorecard: pd.DataFrame) -> None:
    """Write the records of :func:`json_rows` to ``path``, atomically."""
    write_json(Path(path), json_rows(scorecard))
