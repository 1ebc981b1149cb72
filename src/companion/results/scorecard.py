"""The status of every published row, computed from the criteria and the results on disk.

A status says what was done for a row; how it came out is the verdict's to say:

- ``exact``: follows from definitions, and the named test passed;
- ``reproduced``: measured on the paper's own data, and the published value lies in the interval (a claim: it holds);
- ``differs``: measured on the paper's own data, and it does not (a claim: it is contradicted, or of another size);
- ``recomputed``: computed from the paper's own data, where nothing is decided: the paper prints no number, there is no
  interval, or a claim is not settled;
- ``measured``: times and counts that any input can answer;
- ``restaged``: same method, measure and aggregation on real audio, but another task; for a row named after a class, a
  class of the same meaning;
- ``simulated``: computed on synthetic sound only;
- ``waiting``: nothing was measured;
- ``cited``: others' number, quoted by the paper.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pandas as pd

from companion.atomic import write_json
from companion.checkout import published_folder
from companion.errors import DataError
from companion.profiles import Evidence
from companion.results.criteria import Criterion, load_class_mapping, load_criteria
from companion.results.published import load_published, short_names
from companion.results.rows import KEY
from companion.results.run import Run
from companion.results.verdict import PROVED, PublishedRow, Reader, Verdict, published_rows, verdict

STATUSES = (
    "exact", "reproduced", "differs", "recomputed", "measured", "restaged", "simulated", "waiting", "cited",
)  # fmt: skip
UNANSWERED = ("simulated", "waiting", "cited")
"""Statuses of rows of which nothing here says how they came out: generated sound is no evidence."""

COLUMNS = ["id", "paper", "item", "published", "value", "ci_low", "ci_high", "profile", "status", "where"]
"""Columns of the scorecard and fields of its JSON, in order."""

STRENGTH: tuple[str, ...] = get_args(Evidence)
"""Kinds of evidence, the strongest first."""


@dataclass(frozen=True)
class _Asked:
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


def scorecard_rows(
    recorded: Iterable[Run],
    built: Iterable[Run],
    pages: Mapping[str, str],
    passed: Collection[str] = (),
    folder: Path | None = None,
) -> pd.DataFrame:
    """One line for each of the published rows, in their order.

    The strongest evidence speaks: official before restaged before synthetic, and a recorded run before one of
    this build. A row is answered by the experiment of its page and by no other.

    Args:
        recorded: Runs kept under data/recorded.
        built: Runs of this build.
        pages: Page, and so experiment, that answers each published id; an id without one waits for a later chapter.
        passed: Tests that passed in this build, as ``file::test``.
        folder: Another folder than ``data/published``.

    Returns:
        DataFrame: :data:`COLUMNS`, then ``row``, ``column``, ``measure``, ``verdict``, ``criterion``, ``changed``
            (what of the criterion was changed after a run had been seen), ``unit`` and ``parts`` (what the value of
            a claim is, and how many of its statements hold) and ``page``.

    Raises:
        DataError: A published row has no criterion, or two recorded runs of equal strength answer it.
    """
    folder = folder or published_folder()
    published, criteria, classes = load_published(folder), load_criteria(folder), load_class_mapping(folder)
    if set(published.index) != set(criteria):
        odd = sorted(set(published.index) ^ set(criteria))
        raise DataError(f"published.csv and criteria.csv differ in {', '.join(odd)}", expected="one criterion a row")
    rows = published_rows(published)
    asked = [_Asked(Reader(run, rows, classes), True) for run in recorded]
    asked += [_Asked(Reader(run, rows, classes), False) for run in built]
    asked.sort(key=lambda one: (STRENGTH.index(one.run.evidence), not one.recorded))
    lines = []
    for name, row in rows.items():
        criterion, page = criteria[name], pages.get(name, "")
        of_page = [one for one in asked if one.run.experiment == page]
        line = _fixed(criterion, row, passed) or _measured(criterion, of_page) or _waiting(criterion, page)
        shown = published.at[name, "published"] if math.isnan(row.number) else row.number
        words = dict(zip(KEY, row.key, strict=True))
        lines.append({"id": name, **words, "published": shown, "criterion": criterion.words, "page": page,
                      "changed": criterion.changed, **line})  # fmt: skip
    details = ["row", "column", "measure", "verdict", "criterion", "changed", "unit", "parts", "page"]
    return pd.DataFrame(lines)[[*COLUMNS, *details]]


def _line(status: str, where: str, profile: str = "", found: Verdict | None = None) -> dict[str, object]:
    value, low, high = (found.value, found.low, found.high) if found else (math.nan,) * 3
    words, unit, parts = (found.words, found.unit, found.parts) if found else ("",) * 3
    numbers = {"value": value, "ci_low": low, "ci_high": high}
    said = {"status": status, "where": where, "verdict": words}
    return {**numbers, "profile": profile, **said, "unit": unit, "parts": parts}


def _fixed(criterion: Criterion, row: PublishedRow, passed: Collection[str]) -> dict[str, object] | None:
    """Line of a row that no measurement changes: proved by a test that passed, or others' number."""
    if criterion.kind == "cited":
        return _line("cited", f"quoted by {short_names()[row.paper]} for {row.row}")
    if criterion.test in passed:
        return _line("exact", criterion.test, found=Verdict(math.nan, math.nan, math.nan, PROVED, agrees=True))
    return None


def _measured(criterion: Criterion, asked: Sequence[_Asked]) -> dict[str, object] | None:
    """Line from the first run that answers, or None."""
    answers = [(one, found) for one in asked if (found := verdict(criterion, one.reader))]
    if not answers:
        return None
    one, found = answers[0]
    equal = [other for other, _ in answers[1:] if other.recorded and other.run.evidence == one.run.evidence]
    if one.recorded and equal:
        raise DataError(
            f"{criterion.id} is answered by both {one.where} and {equal[0].where}",
            expected="one recorded run for each kind of evidence",
            repair="give the rows of one of the two another item name",
        )
    return _line(_status(one.run.evidence, found), one.where, one.run.profile, found)


def _status(evidence: str, found: Verdict) -> str:
    if evidence == "official":
        return {True: "reproduced", False: "differs", None: "recomputed"}[found.agrees]
    return {"synthetic": "simulated"}.get(evidence, evidence)


def _waiting(criterion: Criterion, page: str) -> dict[str, object]:
    """Line of a row without an answer: what it needs and the command to run then."""
    if criterion.kind == "fact":
        proof = f"needs {criterion.test} to pass: make book" if criterion.test else "needs a test, in a later chapter"
        return _line("waiting", proof)
    command = f"; then: companion run {page} --profile paper" if page else " and a later chapter"
    return _line("waiting", f"needs {criterion.needs}{command}")


def status_counts(scorecard: pd.DataFrame) -> pd.DataFrame:
    """Rows per paper and status, papers in the order of the book, every status a column."""
    counts = pd.crosstab(scorecard["paper"], scorecard["status"])
    return counts.reindex(index=list(short_names()), columns=list(STATUSES), fill_value=0)


def json_rows(scorecard: pd.DataFrame) -> list[dict[str, object]]:
    """The scorecard as plain records: missing numbers are None; ``where`` carries the verdict, and what was changed."""
    said = scorecard["changed"].map(lambda words: f"criterion changed: {words}" if words else "")
    notes = ["; ".join(filter(None, pair)) for pair in zip(scorecard["verdict"], said, strict=True)]
    where = [f"{place} ({note})" if note else place for place, note in zip(scorecard["where"], notes, strict=True)]
    rows = scorecard.assign(where=where)[COLUMNS]
    return rows.astype(object).where(rows.notna(), None).to_dict(orient="records")


def write_scorecard(path: Path, scorecard: pd.DataFrame) -> None:
    """Write the records of :func:`json_rows` to ``path``, atomically."""
    write_json(Path(path), json_rows(scorecard))
