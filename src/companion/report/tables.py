"""Tables of the pages: in the paper's own shape, line by line, and fold by fold."""

import html
import math
import re
from collections.abc import Mapping, Sequence

import pandas as pd

from companion.report.evidence import Column, cells
from companion.report.shown import Shown, escape, scrolling
from companion.report.symbols import as_html
from companion.results.published import load_published, short_names

Heads = tuple[str, str]
"""What the rows and the columns of an item are, in a word each, as a reader calls them."""


def text_table(lines: pd.DataFrame | Sequence[Mapping[str, str]], caption: str = "") -> Shown:
    """A table whose cells are HTML already; the first column names the rows.

    Args:
        lines: The cells; from the second column on, columns may have two levels.
        caption: Above the table, plain text.
    """
    frame = pd.DataFrame(lines)
    name = frame.columns[0]
    table = frame.set_index(name).rename_axis(None)
    content = table.to_html(escape=False, border=0, classes="dataframe")
    head = escape(name[-1] if isinstance(name, tuple) else name)
    content = content.replace("<thead>", f"<caption>{as_html(caption)}</caption><thead>", 1)
    content = content.replace("<th></th>", f"<th>{head}</th>", 1)
    return Shown(scrolling(content, caption or "table"), _in_words(frame, caption))


def grid(paper: str, item: str, column: Column, heads: Heads, caption: str = "") -> Shown:
    """A table in the paper's own shape: networks down, representations across; published values, then those found.

    Args:
        paper: As in published.csv.
        item: As in published.csv.
        column: Where the numbers found come from.
        heads: What its rows and columns are; the names of the columns stand above them.
        caption: Above the table.
    """
    compared = cells(paper, item, column)
    if compared.empty:
        words = f"{caption or item}: not measured on {column.data}."
        return Shown(f"<p>{escape(words)}</p>", words)
    measure = str(compared.index[0][2])
    rows, across = (list(dict.fromkeys(compared.index.get_level_values(level))) for level in (0, 1))
    author = short_names().get(paper, paper)
    groups = {f"published, {author}": _printed, f"{column.heading}: {column.data}": _found}
    if not (compared["published"] != "").any():
        groups = {f"{column.heading}: {column.data}": _found}
    lines = []
    for row in rows:
        line: dict[tuple[str, str], str] = {("", heads[0]): as_html(row)}
        for heading, text in groups.items():
            for name in across:
                key = (row, name, measure)
                line[escape(heading), escape(name)] = text(compared.loc[key], measure) if key in compared.index else ""
        lines.append(line)
    frame = pd.DataFrame(lines)
    frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    return text_table(frame, _headed(caption or item, measure, _counts(compared)))


def long_table(paper: str, item: str, column: Column, heads: Heads, caption: str = "") -> Shown:
    """One line a cell: what was published, where something was, and what was found with its 95 % interval.

    What is the same in every line stands in the caption, unless it is a column of the paper's, which the page explains.

    Args:
        paper: As in published.csv.
        item: Item of published.csv, or another name under which runs keep controls and variants.
        column: Where the numbers come from.
        heads: What its rows and columns are.
        caption: Above the table; the item's name by default.
    """
    compared = cells(paper, item, column)
    across_all, measures = (list(dict.fromkeys(str(key[level]) for key in compared.index)) for level in (1, 2))
    published = bool((compared["published"] != "").any())
    lines = []
    for (row, across, measure), cell in compared.iterrows():
        line = {heads[0]: as_html(row)}
        line |= {heads[1]: as_html(across)} if len(across_all) > 1 else {}
        line |= {"measure": escape(measure)} if len(measures) > 1 else {}
        line |= {"published": _printed(cell, measure)} if published else {}
        lines.append({**line, escape(column.heading): _found(cell, measure)})
    alone = [name for name in across_all if len(across_all) == 1 and name not in _printed_columns(paper)]
    same = [*alone, *(measures if len(measures) == 1 else [])]
    return text_table(lines, _headed(caption or item, *same, _counts(compared)))


def fold_table(
    folds: pd.DataFrame, heads: Heads, measure: str = "accuracy %", caption: str = "Values fold by fold"
) -> Shown:
    """One column per fold, then their mean and standard deviation.

    Args:
        folds: One line per value: ``row``, ``column``, ``fold``, ``value``; several seeds are averaged.
        heads: What its rows and columns are.
        measure: Decides the digits.
        caption: Above the table.
    """
    wide = folds.pivot_table(index=["row", "column"], columns="fold", values="value", aggfunc="mean", sort=False)
    wide = wide.reindex(columns=sorted(wide.columns))
    numbers = wide.rename(columns=lambda fold: f"fold {fold}").assign(mean=wide.mean(axis=1), sd=wide.std(axis=1))
    lines = numbers.map(lambda value: number(value, measure)).reset_index()
    return plain_table(lines.rename(columns={"row": heads[0], "column": heads[1]}), caption)


def plain_table(frame: pd.DataFrame, caption: str = "") -> Shown:
    """Any small table: text escaped, the papers' symbols set as printed, numbers left as they are."""
    marked = frame.map(lambda value: as_html(str(value))).rename(columns=lambda name: escape(str(name)))
    return text_table(marked, caption)


def number(value: float, measure: str) -> str:
    """A value with the digits its measure deserves: one decimal for percent and points, else three or four.

    Example:
        >>> number(82.84, "accuracy %"), number(0.2134, "AP"), number(13, "count"), number(3e-8, "AP")
        ('82.8', '0.213', '13', '3e-8')
    """
    if math.isnan(value):
        return "–"
    if measure == "count":
        return f"{value:.0f}"
    if "%" in measure or "points" in measure:
        return f"{value:.1f}"
    if 0 < abs(value) < 5e-5:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.4f}"


def _printed(cell: pd.Series, measure: str) -> str:
    return escape(cell["published"])


def _found(cell: pd.Series, measure: str) -> str:
    """Value, interval and, on the paper's own data, where the published value lies."""
    if math.isnan(cell["value"]):
        return "–"
    shown = number(cell["value"], measure)
    if not math.isnan(cell["ci_low"]):
        shown += f" <small>[{number(cell['ci_low'], measure)}, {number(cell['ci_high'], measure)}]</small>"
    return shown + (f"<small>{escape(cell['verdict'])}</small>" if cell["verdict"] else "")


def _printed_columns(paper: str) -> set[str]:
    printed = load_published()
    return set(printed.loc[printed["paper"] == paper, "column"])


def _headed(caption: str, *facts: str) -> str:
    """A caption, and in brackets what holds for the whole table."""
    known = "; ".join(filter(None, facts))
    return f"{caption} ({known})" if known else caption


def _counts(compared: pd.DataFrame) -> str:
    """How many clips, recordings and seeds stand behind a table; a range where its cells differ."""
    parts = []
    for name, one, many in (("n_clips", "clip", "clips"), ("n_recordings", "recording", "recordings"),
                            ("n_seeds", "seed", "seeds")):  # fmt: skip
        known = compared.loc[compared[name] > 0, name]  # what was counted or computed needs none
        if len(known):
            low, high = int(known.min()), int(known.max())
            parts.append(f"{low if low == high else f'{low}–{high}'} {one if high == 1 else many}")
    return ", ".join(parts) or ("" if compared["value"].notna().any() else "not measured")


def _in_words(frame: pd.DataFrame, caption: str) -> str:
    """The table for a terminal or an editor without HTML."""
    heads = [" ".join(part for part in name if part) if isinstance(name, tuple) else str(name) for name in frame]
    lines = [heads, ["---"] * len(heads), *frame.astype(str).itertuples(index=False, name=None)]
    plain = [[_plain(cell).replace("|", r"\|") for cell in line] for line in lines]
    return f"{caption}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in plain)


def _plain(cell: str) -> str:
    """A cell without its tags: small words after a comma, indices and exponents as they are typed."""
    for tag, sign in (("<sub>", "_"), ("<sup>", "^"), ("<small>[", "["), ("<small>", ", ")):
        cell = cell.replace(tag, sign)
    return html.unescape(re.sub(r"<[^>]+>", "", cell))
