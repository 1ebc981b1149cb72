"""Tables of the pages: published, recorded and this build side by side, and values fold by fold."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from companion.report.evidence import Cells, gather
from companion.report.shown import Shown, escape, scrolling
from companion.report.symbols import as_html
from companion.results.published import short_names
from companion.results.run import Run


def comparison_table(
    paper: str, item: str, recorded: Mapping[str, Run], build: Run | None = None, caption: str = ""
) -> Shown:
    """Published | recorded | this build, each value with its 95 % interval and what that says.

    Synthetic, restaged and official numbers never share a column; only columns that hold something are shown,
    and a table of controls, which no paper prints, has no published one.

    Args:
        paper: As in published.csv.
        item: Item of published.csv, or another name under which runs keep controls and variants.
        recorded: Recorded runs by profile, from :func:`companion.results.run.recorded`.
        build: This build's run.
        caption: Above the table; the item's name by default.
    """
    compared = gather(paper, item, recorded, build)
    measures = list(dict.fromkeys(str(key[2]) for key in compared.cells.index))
    heads, markup, words = _name_columns(compared, measures)
    if compared.was_published:
        author = short_names().get(paper, paper)
        heads.append((f"published{_small(author)}", f"published, {author}"))
        words.append(_printed(compared))
        markup.append([f'<span class="number">{escape(value)}</span>' for value in words[-1]])
    for source, column in compared.columns:
        counts = f"{source.run.profile}; {_counts(column)}"
        heads.append((escape(source.heading) + _small(counts), f"{source.heading} ({counts})"))
        cells = [(str(key[2]), row) for key, row in column.iterrows()]
        markup.append([_cell(row, measure, True) for measure, row in cells])
        words.append([_cell(row, measure, False) for measure, row in cells])
    unit = f" ({measures[0]})" if len(measures) == 1 else ""
    return _table([head for head, _ in heads], markup, [head for _, head in heads], words, (caption or item) + unit)


def _name_columns(
    compared: Cells, measures: list[str]
) -> tuple[list[tuple[str, str]], list[list[str]], list[list[str]]]:
    """Headings and cells that name a row; the measure only where the rows differ in it."""
    heads = ["row", "column", "measure"][: 2 if len(measures) == 1 else 3]
    names = [[str(key[place]) for key in compared.cells.index] for place in range(len(heads))]
    return [(head, head) for head in heads], [[as_html(name) for name in column] for column in names], names


def _printed(compared: Cells) -> list[str]:
    """Published values as they are printed."""
    return [str(text) for text in compared.cells["published"]]


def _cell(row: pd.Series, measure: str, markup: bool) -> str:
    """Value, interval and verdict of one cell."""
    if math.isnan(row["value"]):
        return "–"
    shown = number(row["value"], measure)
    if not math.isnan(row["ci_low"]):
        shown += f" [{number(row['ci_low'], measure)}, {number(row['ci_high'], measure)}]"
    if not markup:
        return f"{shown}, {row['verdict']}" if row["verdict"] else shown
    return f'<span class="number">{escape(shown)}</span>{_small(row["verdict"])}'


def _counts(column: pd.DataFrame) -> str:
    """How many clips, recordings and seeds stand behind a column; a range where its cells differ."""
    parts = []
    for name, one, many in (("n_clips", "clip", "clips"), ("n_recordings", "recording", "recordings"),
                            ("n_seeds", "seed", "seeds")):  # fmt: skip
        low, high = int(column[name].min()), int(column[name].max())
        span = f"{low}" if low == high else f"{low}–{high}"
        parts.append(f"{span} {one if high == 1 else many}")
    return ", ".join(parts)


def number(value: float, measure: str) -> str:
    """A value with the digits its measure deserves: one decimal for percent and points, else three or four.

    Example:
        >>> number(82.84, "accuracy %"), number(0.2134, "AP"), number(13, "count")
        ('82.8', '0.213', '13')
    """
    if math.isnan(value):
        return "–"
    if measure == "count":
        return f"{value:.0f}"
    if "%" in measure or "points" in measure:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.4f}"


def fold_table(folds: pd.DataFrame, measure: str = "accuracy %", caption: str = "Values fold by fold") -> Shown:
    """One column per fold, then their mean and standard deviation.

    Args:
        folds: One line per value: ``row``, ``column``, ``fold``, ``value``; several seeds are averaged.
        measure: Decides the digits.
        caption: Above the table.
    """
    wide = folds.pivot_table(index=["row", "column"], columns="fold", values="value", aggfunc="mean", sort=False)
    wide = wide.reindex(columns=sorted(wide.columns))
    names = [[str(key[place]) for key in wide.index] for place in (0, 1)]
    numbers = [[number(value, measure) for value in wide[fold]] for fold in wide.columns]
    numbers.append([number(value, measure) for value in wide.mean(axis=1)])
    numbers.append([number(value, measure) for value in wide.std(axis=1, ddof=1)])
    heads = ["row", "column", *(f"fold {fold}" for fold in wide.columns), "mean", "sd"]
    markup = [[as_html(name) for name in column] for column in names] + numbers
    return _table([escape(head) for head in heads], markup, heads, names + numbers, caption)


def plain_table(frame: pd.DataFrame, caption: str = "") -> Shown:
    """Any small table: text escaped, the papers' symbols set as printed, numbers left as they are."""
    words = [[str(value) for value in frame[name]] for name in frame.columns]
    heads = [str(name) for name in frame.columns]
    return _table([escape(head) for head in heads], [[as_html(text) for text in column] for column in words],
                  heads, words, caption)  # fmt: skip


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _table(
    heads: Sequence[str], markup: Sequence[Sequence[str]], plain_heads: Sequence[str],
    words: Sequence[Sequence[str]], caption: str,
) -> Shown:  # fmt: skip
    """A table from columns of HTML, and the same from columns of words."""
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in zip(*markup, strict=True)
    )
    content = f'<table class="dataframe"><caption>{as_html(caption)}</caption><thead><tr>{titles}</tr></thead>'
    lines = [plain_heads, ["---"] * len(plain_heads), *zip(*words, strict=True)]
    text = "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
    return Shown(scrolling(f"{content}<tbody>{body}</tbody></table>", caption), f"{caption}\n\n{text}")
