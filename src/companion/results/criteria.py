"""What would count as an answer to each published row, written down before any run: ``criteria.csv``."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion.checkout import published_folder
from companion.errors import DataError
from companion.results.published import read_text_table
from companion.results.rules import Comparison, Figure, parse_claim, parse_figure

COLUMNS = ["id", "kind", "answers", "rule", "claimed", "test", "needs", "criterion", "changed"]
KINDS = ("cell", "figure", "claim", "fact", "cited")
MAPPING_COLUMNS = ["paper", "class", "esc50_class", "reason"]


@dataclass(frozen=True)
class Criterion:
    """What counts for one published row.

    Args:
        id: Published id.
        kind: ``cell`` (a number of a table), ``figure``, ``claim``, ``fact`` (follows from the definitions,
            proved by a test) or ``cited`` (others' number).
        answers: ``real`` when any real audio can answer, ``official`` when only the paper's own data can.
        claim: Comparisons of a claim; empty otherwise, and while none is written.
        figure: Tables behind a figure; empty otherwise.
        claimed: The size a claim prints, in the unit of its comparison; NaN where it prints none.
        test: ``file::test`` that proves a fact; empty while there is none.
        needs: Data needed on the paper's terms.
        words: The criterion in words.
        changed: What was changed after some run had been seen, and why; empty for the first wording.
    """

    id: str
    kind: str
    answers: str
    claim: tuple[Comparison, ...]
    figure: tuple[Figure, ...]
    claimed: float
    test: str
    needs: str
    words: str
    changed: str = ""


def load_criteria(folder: Path | None = None) -> dict[str, Criterion]:
    """Criteria of all published rows by id.

    Raises:
        DataError: The file is missing, or a field cannot be read.
    """
    frame = read_text_table((folder or published_folder()) / "criteria.csv", COLUMNS)
    return {row["id"]: _criterion(row) for _, row in frame.iterrows()}


def _criterion(row: pd.Series) -> Criterion:
    if row["kind"] not in KINDS or row["answers"] not in ("real", "official"):
        raise DataError(f"criteria.csv, {row['id']}: {row['kind']}, {row['answers']}", expected=", ".join(KINDS))
    try:
        claimed = float(row["claimed"] or math.nan)
    except ValueError as error:
        raise DataError(
            f"criteria.csv, {row['id']}: claimed {row['claimed']!r}",
            expected="a number, or nothing where none is printed",
        ) from error
    return Criterion(
        id=row["id"],
        kind=row["kind"],
        answers=row["answers"],
        claim=parse_claim(row["rule"]) if row["kind"] == "claim" and row["rule"] else (),
        figure=parse_figure(row["rule"]) if row["kind"] == "figure" else (),
        claimed=claimed,
        test=row["test"],
        needs=row["needs"],
        words=row["criterion"],
        changed=row["changed"],
    )


def load_class_mapping(folder: Path | None = None) -> dict[tuple[str, str], str]:
    """Class of ESC-50 with the meaning of a paper's class, by paper and row; empty where there is none.

    A row that is not in the mapping is not named after a class.
    """
    frame = read_text_table((folder or published_folder()) / "class_mapping.csv", MAPPING_COLUMNS)
    return {(row["paper"], row["class"]): row["esc50_class"] for _, row in frame.iterrows()}
