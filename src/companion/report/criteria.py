"""What would count as an answer to each published row, written down before any run: ``criteria.csv``."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion.errors import DataError
from companion.report.published import read_text_table
from companion.report.repository import published_folder
from companion.report.rules import Comparison, TableRule, parse_claim, parse_table

COLUMNS = ["id", "kind", "answers", "rule", "claimed", "test", "needs", "notebook", "criterion"]
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
        claim: Comparisons of a claim; empty otherwise.
        figure: Table behind a figure, or None.
        claimed: The size a claim prints, in the unit of its comparison; NaN where it prints none.
        test: ``file::test`` that proves a fact; empty while there is none.
        needs: Data needed on the paper's terms.
        notebook: Page that computes it, as given to ``companion run``.
        words: The criterion in words.
    """

    id: str
    kind: str
    answers: str
    claim: tuple[Comparison, ...]
    figure: TableRule | None
    claimed: float
    test: str
    needs: str
    notebook: str
    words: str


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
    return Criterion(
        id=row["id"],
        kind=row["kind"],
        answers=row["answers"],
        claim=parse_claim(row["rule"]) if row["kind"] == "claim" else (),
        figure=parse_table(row["rule"]) if row["kind"] == "figure" else None,
        claimed=float(row["claimed"] or math.nan),
        test=row["test"],
        needs=row["needs"],
        notebook=row["notebook"],
        words=row["criterion"],
    )


def load_class_mapping(folder: Path | None = None) -> dict[tuple[str, str], str]:
    """Class of ESC-50 with the meaning of a paper's class, by paper and row; empty where there is none.

    A row that is not in the mapping is not named after a class.
    """
    frame = read_text_table((folder or published_folder()) / "class_mapping.csv", MAPPING_COLUMNS)
    return {(row["paper"], row["class"]): row["esc50_class"] for _, row in frame.iterrows()}


def names_a_test(name: str, root: Path) -> bool:
    """Whether ``file::test`` names a test function of the checkout at ``root``."""
    file, _, function = name.partition("::")
    path = root / file
    return (
        bool(function)
        and path.is_file()
        and bool(re.search(rf"^\s*def {re.escape(function)}\(", path.read_text(encoding="utf-8"), re.MULTILINE))
    )
