"""What a page answers: sentences, each with the published number, the one found, its interval and the verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from companion.report.evidence import Column
from companion.report.shown import Shown, escape
from companion.report.symbols import as_html
from companion.report.tables import text_table
from companion.results.criteria import load_class_mapping, load_criteria
from companion.results.published import load_published
from companion.results.rules import (
    CONTRADICTED,
    HOLDS,
    UNSETTLED,
    Comparison,
    Measured,
    holding,
    judge,
    measure,
    nearest,
    parse_claim,
)
from companion.results.verdict import Reader, published_rows

WAITS = "waits for the paper's own data"
UNKNOWN = "not measured"
NO_EVIDENCE = "generated sound: no verdict"
MANY = 3  # comparisons of one claim: more are counted instead of listed
_CLASSES = {HOLDS: "holds", CONTRADICTED: "contradicted", UNSETTLED: "unsettled"}


@dataclass(frozen=True)
class Finding:
    """A sentence that numbers decide.

    Args:
        words: The sentence, in the present tense.
        rule: A published id that is a claim, or comparisons in the language of ``criteria.csv``.
        unit: After every number.
        scale: Factor from the rows' unit to this one: 100 for a difference of MAP in points.
        digits: Decimals.
        printed: Published id of the number that the sentence speaks of, where the rule names other rows.
    """

    words: str
    rule: str
    unit: str = "points"
    scale: float = 1.0
    digits: int = 1
    printed: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a finding.

    Args:
        finding: The sentence.
        parts: For each comparison the published number (NaN where none is printed) and the measured one.
        verdict: In words.
        id: The published claim; empty for a finding that the paper does not claim.
        changed: What of its criterion was changed after some run had been seen.
    """

    finding: Finding
    parts: Sequence[tuple[Comparison, float, Measured | None]]
    verdict: str
    id: str = ""
    changed: str = ""

    @property
    def published(self) -> str:
        """The published numbers: the one that the sentence speaks of, or those of the rows that the claim compares."""
        if self.finding.printed:
            return f"{load_published().at[self.finding.printed, 'published']} {self.finding.unit}"
        numbers = [self._text(value) for _, value, _ in self.parts if not math.isnan(value)]
        if not numbers:
            return load_published().at[self.id, "published"] if self.id.startswith("C") else "–"
        if len(numbers) > MANY:
            values = [value for _, value, _ in self.parts if not math.isnan(value)]
            return f"{self._text(min(values))} to {self._text(max(values))} {self.finding.unit}"
        return f"{', '.join(numbers)} {self.finding.unit}"

    @property
    def numbers(self) -> str:
        """What was printed and what was found; where the paper neither claims nor prints, that this book asks."""
        if not self.id and self.published == "–":
            return f"asked by this book · found {self.found}"
        return f"published {self.published} · found {self.found}"

    @property
    def found(self) -> str:
        """The measured numbers, each with its interval."""
        known = [found for _, _, found in self.parts if found is not None]
        if len(known) < len(self.parts):
            return "–"
        if len(known) > MANY:
            pairs = [(comparison, found) for comparison, _, found in self.parts if found is not None]
            upheld, of = holding(pairs)
            least = self._interval(nearest(pairs))
            return f"{upheld} of {of} hold; the one that holds least {least} {self.finding.unit}"
        shown = dict.fromkeys(self._interval(found) for found in known)  # a band has two ends and one number
        return f"{', '.join(shown)} {self.finding.unit}"

    def _interval(self, found: Measured) -> str:
        if math.isnan(found.low):
            return self._text(found.value)
        return f"{self._text(found.value)} [{self._text(found.low)}, {self._text(found.high)}]"

    def _text(self, value: float) -> str:
        differs = all(c.sign == "-" or (c.bound == 0 and c.relation != "==") for c, _, _ in self.parts)
        sign = "+" if differs else ""
        return f"{value * self.finding.scale:{sign}.{self.finding.digits}f}".replace("-", "−")


class Judge:
    """Answers findings from one run, by the same rules as the scorecard.

    Args:
        paper: As in published.csv.
        column: The run.
    """

    def __init__(self, paper: str, column: Column) -> None:
        self.paper, self.column = paper, column
        self.printed = published_rows(load_published())
        self.criteria = load_criteria()
        self.reader = Reader(column.run, self.printed, load_class_mapping())

    def answer(self, finding: Finding) -> Answer:
        """What the run says of a finding."""
        criterion = self.criteria.get(finding.rule)
        claim = criterion.claim if criterion else parse_claim(finding.rule)
        parts = [(comparison, self.published(comparison), self.measured(comparison)) for comparison in claim]
        pairs = [(comparison, found) for comparison, _, found in parts if found is not None]
        if criterion and criterion.answers == "official" and self.column.evidence != "official":
            return Answer(finding, [(c, value, None) for c, value, _ in parts], WAITS, criterion.id)
        verdict = judge(pairs) if len(pairs) == len(parts) else UNKNOWN
        if self.column.evidence == "synthetic":
            verdict = NO_EVIDENCE
        changed = criterion.changed if criterion else ""
        return Answer(finding, parts, verdict, criterion.id if criterion else "", changed)

    def measured(self, comparison: Comparison | str) -> Measured | None:
        """The left side of a comparison, from the run's rows."""
        wanted = parse_claim(comparison)[0] if isinstance(comparison, str) else comparison
        return measure(wanted, partial(self.reader.row, self.paper), partial(self.reader.paired, self.paper))

    def paired(self, comparison: Comparison | str) -> bool:
        """Whether the left side, where two measured rows make it, has a row of its own, with its interval."""
        wanted = parse_claim(comparison)[0] if isinstance(comparison, str) else comparison
        if len(wanted.terms) < 2 or self.measured(wanted) is None:
            return True
        return self.reader.paired(self.paper, wanted.first, wanted.sign, wanted.second) is not None

    def published(self, comparison: Comparison | str) -> float:
        """The same from the numbers that the paper prints; NaN where it prints none."""
        wanted = parse_claim(comparison)[0] if isinstance(comparison, str) else comparison
        if any(term.startswith("[") for term in wanted.terms):
            return math.nan

        def lookup(term: str) -> Measured:
            return Measured(self.printed[term].number)

        found = measure(wanted, lookup, lambda a, sign, b: None)
        return found.value if found else math.nan


def changed_note(words: str) -> str:
    """What of a criterion was changed after a run had been seen, behind a line that says so."""
    return f" <details><summary>criterion changed</summary><small>{escape(words)}</small></details>" if words else ""


def answer_box(answers: Sequence[Answer], sure: str) -> Shown:
    """The findings of a page, in a box.

    Args:
        answers: In the order of their weight.
        sure: One line on how sure they are: recordings, seeds, data.
    """
    items, lines = [], []
    for one in answers:
        verdict = f'<b class="companion-verdict {_CLASSES.get(one.verdict, "open")}">{escape(one.verdict)}</b>'
        items.append(
            f"<li>{as_html(one.finding.words)} <small>{escape(one.numbers)}</small> {verdict}"
            f"{changed_note(one.changed)}</li>"
        )
        lines.append(f"- {one.finding.words}: {one.numbers}: **{one.verdict}**"
                     + (f" (criterion changed: {one.changed})" if one.changed else ""))  # fmt: skip
    box = f'<div class="companion-answer" role="group" aria-label="The answer"><ul>{"".join(items)}</ul>'
    return Shown(f"{box}<p><small>{escape(sure)}</small></p></div>", "\n".join([*lines, "", sure]))


def claims_table(answers: Sequence[Answer], scorecard: str, caption: str) -> Shown:
    """Each sentence with what was printed, what was found, and the verdict, linked to its row of the scorecard.

    Args:
        answers: Any number.
        scorecard: Address of the scorecard, relative to the page.
        caption: Above the table.
    """
    lines = [
        {
            "claim": as_html(one.finding.words),
            "published": escape(one.published),
            "found": escape(one.found),
            "verdict": escape(one.verdict) + changed_note(one.changed),
            "row": f'<a href="{scorecard}#{one.id}">{one.id}</a>' if one.id else "–",
        }
        for one in answers
    ]
    table = text_table(lines, caption)
    return Shown(f'<div class="companion-claims">{table.html}</div>', table.markdown)
