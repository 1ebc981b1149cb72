"""What became of the claims that the papers make in their text only: ``prose_criteria.csv`` against the results."""

import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from companion.report.answers import Reader, claim_outcome, published_rows
from companion.report.criteria import load_class_mapping
from companion.report.published import load_prose, load_published, read_text_table
from companion.report.repository import published_folder
from companion.report.rules import measure, parse_claim
from companion.report.runs import Run
from companion.report.scorecard import STRENGTH

COLUMNS = ["id", "rule", "notebook", "criterion"]


def prose_rows(recorded: Iterable[Run], runs: Iterable[Run] = (), folder: Path | None = None) -> pd.DataFrame:
    """One line for each claim in prose, judged on the strongest evidence, as the scorecard judges.

    Returns:
        DataFrame: ``id``, ``paper``, ``place``, ``claim``, ``holds when``, ``value``, ``outcome``, ``where``.
    """
    folder = folder or published_folder()
    criteria = read_text_table(folder / "prose_criteria.csv", COLUMNS).set_index("id")
    rows, classes = published_rows(load_published(folder)), load_class_mapping(folder)
    places = [(run, "data/recorded/") for run in recorded] + [(run, "this build: ") for run in runs]
    places.sort(key=lambda place: (STRENGTH.index(place[0].evidence), place[1] != "data/recorded/"))
    lines = []
    for name, claim in load_prose(folder).iterrows():
        criterion = criteria.loc[str(name)]
        line = {"value": math.nan, "outcome": "waiting", "where": _waiting(criterion["notebook"])}
        for run, place in places if criterion["rule"] else ():
            found = judged(criterion["rule"], str(claim["paper"]), Reader(run, rows, classes))
            if found:
                line = {**found, "where": f"{place}{run.profile}/{run.experiment}"}
                break
        words = criterion["criterion"] or claim["holds when"]
        lines.append({"id": name, **claim[["paper", "place", "claim"]], "holds when": words, **line})
    return pd.DataFrame(lines)


def judged(rule: str, paper: str, reader: Reader) -> dict[str, object] | None:
    """Value and outcome of one claim by one run; None where the run does not say."""
    found = [
        (comparison, measure(comparison, partial(reader.row, paper), partial(reader.paired, paper)))
        for comparison in parse_claim(rule)
    ]
    pairs = [(comparison, measured) for comparison, measured in found if measured is not None]
    if len(pairs) < len(found):
        return None
    outcome, shown = claim_outcome(pairs)
    if reader.run.evidence == "synthetic":
        outcome = "synthetic: not comparable"
    elif reader.run.evidence == "restaged":
        outcome += " here"
    return {"value": shown.value, "outcome": outcome}


def _waiting(notebook: str) -> str:
    return f"companion run {notebook} --profile paper" if notebook else "a later chapter"
