"""The first page: a line for each paper, and how its claims came out."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from companion.report.answer import Answer, Finding, Judge
from companion.report.evidence import columns
from companion.report.figures import stacked_bars
from companion.report.shown import Shown, escape
from companion.report.style import GREEN, VERMILION, show
from companion.report.symbols import as_html
from companion.results.published import short_names
from companion.results.rules import CONTRADICTED, HOLDS, UNSETTLED
from companion.results.run import recorded
from companion.results.scorecard import UNANSWERED
from companion.results.verdict import PROVED

OTHER = "no verdict"
WAITING = "not measured"
COLOURS = {
    PROVED: "#003F5C", HOLDS: GREEN, CONTRADICTED: VERMILION, UNSETTLED: "#E6C229", OTHER: "#9A9A9A",
    WAITING: "#E3E3E3",
}  # fmt: skip
"""What may become of a claim, in the order of the bars."""

CAPTION = (
    "Verdicts on the papers' claims; numbers are claims. Proved: follows from the definition, and a test shows it."
)


def paper_lines(
    scorecard: pd.DataFrame, headlines: Mapping[str, tuple[str, Finding]], first: Mapping[str, str]
) -> Shown:
    """A line for each paper: what it claims first, what was found, and how much of it was measured.

    Args:
        scorecard: From :func:`companion.results.scorecard.scorecard_rows`.
        headlines: For a paper, the chapter that answers its first claim, and the claim.
        first: For a paper, the page to begin with.
    """
    items, words = [], []
    for paper, name in short_names().items():
        rows = scorecard[scorecard["paper"] == paper]
        said = "nothing is measured yet" if paper not in headlines else _said(paper, *headlines[paper])
        answered = _answered(rows)
        title = f'<a href="{first[paper]}.html">{escape(name)}</a>' if paper in first else escape(name)
        items.append(f"<li><b>{title}</b>: {said} <small>{answered}</small></li>")
        words.append(f"- {name}: {answered}")
    return Shown(f'<div class="companion-answer"><ul>{"".join(items)}</ul></div>', "\n".join(words))


def _answered(rows: pd.DataFrame) -> str:
    """How many claims of a paper have a verdict, and what became of its other items, in words."""
    verdicts = int(claim_counts(rows)[[PROVED, HOLDS, CONTRADICTED, UNSETTLED]].to_numpy().sum())
    others = rows[(rows["measure"] != "claim") & ~rows["status"].isin(UNANSWERED)]
    drawn = others["verdict"].str.startswith("drawn")
    done = others["status"].map({"exact": "proved", "measured": "timed", "restaged": "restaged"})
    done = done.fillna("measured on the paper's own data").mask(drawn, "drawn anew").value_counts()
    facts = [_many(verdicts, "claim has", "claims have") + " a verdict"]
    if restaged := done.pop("restaged") if "restaged" in done else 0:
        facts.append(
            _many(restaged, "number was", "numbers were")
            + " restaged on another task, where only directions can be compared"
        )
    if len(done):
        facts.append("other items: " + ", ".join(f"{count} {kind}" for kind, count in sorted(done.items())))
    return f"{'; '.join(facts)} ({len(rows)} printed items in all)"


def _many(count: int, one: str, more: str) -> str:
    return f"{count or 'no'} {one if count < 2 else more}"


def verdict_bars(scorecard: pd.DataFrame) -> Shown:
    """Claims of every paper by what became of them."""
    counts = claim_counts(scorecard)
    names = short_names()
    words = "; ".join(
        f"{names[paper]}: {', '.join(f'{n} {verdict}' for verdict, n in line.items() if n)}"
        for paper, line in counts.iterrows()
    )
    figure: Figure = stacked_bars(counts, names, COLOURS, "claims")
    return show(figure, alt=f"One bar for each paper, of its claims. {words}.", caption=CAPTION)


def claim_counts(scorecard: pd.DataFrame) -> pd.DataFrame:
    """Number of claims by paper and verdict; what a test proves is counted apart from what a measurement decides."""
    claims = scorecard[scorecard["measure"] == "claim"]
    verdict = claims["verdict"].map(lambda words: next((one for one in COLOURS if words.startswith(one)), OTHER))
    verdict = verdict.where(~claims["status"].isin(UNANSWERED), WAITING)
    counts = pd.crosstab(claims["paper"], verdict)
    return counts.reindex(index=list(short_names()), columns=list(COLOURS), fill_value=0)


def _said(paper: str, chapter: str, finding: Finding) -> str:
    """The finding and its verdict, from the strongest run that is recorded for a chapter."""
    found = columns(recorded(chapter), None)
    if not found:
        return f"{as_html(finding.words)}: not measured"
    answer: Answer = Judge(paper, found[0]).answer(finding)
    numbers = f"published {escape(answer.published)}, found {escape(answer.found)}"
    return f"{as_html(finding.words)} ({numbers}): <b>{escape(answer.verdict)}</b>"
