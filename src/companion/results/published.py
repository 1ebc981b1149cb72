"""The numbers, figures and claims the four papers print: ``data/published``."""

import csv
import math
import re
from functools import cache
from pathlib import Path

import pandas as pd

from companion.checkout import published_folder
from companion.errors import DataError
from companion.results.rows import KEY

COLUMNS = ["id", *KEY, "published", "data", "compute", "note"]
MARK = "–"
"""Stands where a paper leaves a cell of a table empty."""

_WORDS = re.compile(r"claim|diagram|event list|figure|structure|supplement|\d+ curves")
"""Measures whose published value may be words."""

PROSE_COLUMNS = ["id", "paper", "place", "claim", "holds when"]


def load_published(folder: Path | None = None) -> pd.DataFrame:
    """Every table cell, figure and claim of the four papers.

    Args:
        folder: Another folder than ``data/published``.

    Returns:
        DataFrame: Indexed by id: C001 to C309 as printed, then X01 to X12, claims that a paper makes in its text only
        (item ``Prose``). Text columns, and ``number``: the published value as a float, NaN where the paper prints
        words.

    Raises:
        DataError: A file is missing or damaged, or a cell of a table is no number.
    """
    folder = folder or published_folder()
    printed = read_text_table(folder / "published.csv", COLUMNS)
    for row in printed.itertuples():
        if not (_WORDS.fullmatch(row.measure) or row.published == MARK or _is_number(row.published)):
            path = folder / "published.csv"
            raise DataError(
                f"{path}, line {_line_of(path, row.id)}: {row.id} prints {row.published!r} as {row.measure}",
                expected=f"a number, or {MARK} where the paper leaves a cell empty",
                repair=f"git checkout -- data/published/{path.name}",
            )
    said = read_text_table(folder / "prose_claims.csv", PROSE_COLUMNS)
    prose = pd.DataFrame(
        {
            "id": said["id"],
            "paper": said["paper"],
            "item": "Prose",
            "row": said["id"],
            "column": said["place"],
            "measure": "claim",
            "published": said["claim"],
        }
    )
    frame = pd.concat([printed, prose], ignore_index=True).fillna("").set_index("id")
    number = pd.to_numeric(frame["published"], errors="coerce")
    return frame.assign(number=number.mask(frame["measure"] == "claim"))  # "+4.1" is a difference in words


def load_audioset_names(paper: str, folder: Path | None = None) -> dict[str, str]:
    """Class of AudioSet that each of a paper's words for a class or event stands for."""
    frame = read_text_table((folder or published_folder()) / "audioset_names.csv", ["paper", "word", "audioset_class"])
    return {row["word"]: row["audioset_class"] for _, row in frame.iterrows() if row["paper"] == paper}


def lookup(identity: str) -> pd.Series:
    """One published row.

    Raises:
        DataError: There is no such id.
    """
    frame = load_published()
    if identity not in frame.index:
        raise DataError(f"no published row {identity!r}", expected=f"{frame.index[0]} to {frame.index[-1]}")
    return frame.loc[identity]


@cache
def short_names(folder: Path | None = None) -> dict[str, str]:
    """The papers in the order of the book, with the names that pages use.

    Returns:
        dict: From the key of ``papers.bib`` to authors and year, such as ``Wang and Metze 2017``.
    """
    text = ((folder or published_folder()) / "papers.bib").read_text(encoding="utf-8")
    found = {}
    for key, fields in re.findall(r"^@\w+\{(\w+),(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        patterns = (rf"^\s*{name}\s*=\s*\{{(.+)\}}" for name in ("author", "year"))
        authors, year = (re.search(pattern, fields, re.MULTILINE) for pattern in patterns)
        if authors and year:
            *first, last = [author.partition(",")[0] for author in authors.group(1).split(" and ")]
            found[key] = f"{', '.join(first)}{' and ' if first else ''}{last} {year.group(1)}"
    return found


def bibtex(paper: str, folder: Path | None = None) -> str:
    """BibTeX entry of a paper from ``papers.bib``.

    Args:
        paper: As in published.csv, for instance ``Kumar2018``.

    Raises:
        DataError: The file has no such entry.
    """
    text = ((folder or published_folder()) / "papers.bib").read_text(encoding="utf-8")
    entry = re.search(rf"^@\w+\{{{re.escape(paper)},.*?^\}}", text, re.MULTILINE | re.DOTALL)
    if entry is None:
        raise DataError(f"papers.bib has no entry {paper!r}", expected=f"one of {', '.join(short_names())}")
    return entry.group(0)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _line_of(path: Path, identity: str) -> int:
    """Line of a file on which the row of an id begins; fields may run over several lines."""
    begins = 1
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        for fields in rows:
            if fields and fields[0] == identity:
                break
            begins = rows.line_num + 1
    return begins


def read_text_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """A comma-separated file as text, every field as it stands.

    Raises:
        DataError: The file is missing, has other columns, or gives an id twice.
    """
    repair = f"git checkout -- data/published/{path.name}"
    if not path.is_file():
        raise DataError(f"{path} is missing", expected="the papers' numbers", repair=repair)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}", repair=repair) from error
    if list(frame.columns) != columns:
        raise DataError(f"{path} has columns {list(frame.columns)}", expected=", ".join(columns), repair=repair)
    if "id" in columns and frame["id"].duplicated().any():
        raise DataError(f"{path} gives {frame.loc[frame['id'].duplicated(), 'id'].iloc[0]} twice", repair=repair)
    return frame
