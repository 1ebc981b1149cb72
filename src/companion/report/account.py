"""The scorecard as a page shows it: a legend, counts, and every row in one table that can be filtered offline."""

import json
import math
from collections.abc import Iterable

import pandas as pd

from companion.report.shown import Shown, download_link, escape, notebook_address, notebook_link, scrolling
from companion.report.symbols import as_html
from companion.report.tables import number, plain_table
from companion.results.published import short_names
from companion.results.run import Run
from companion.results.scorecard import STATUSES, json_rows

MEANINGS = {
    "exact": "follows from definitions, and the named test passed in this build",
    "reproduced": "measured on the paper's own data, and the published value lies in the interval",
    "differs": "measured on the paper's own data, and the published value lies outside the interval",
    "recomputed": "computed from the paper's own data, where no number is printed, or no interval can be compared",
    "measured": "times and counts that any input can answer",
    "restaged": "same method, measure and aggregation on real audio, another task; for a class, one of its meaning",
    "simulated": "computed on synthetic sound only",
    "waiting": "not measured; the row says which data it needs and the command to run then",
    "cited": "another group's number, quoted by the paper",
}

_CONTROLS = """<p><label>Paper <select data-filter="paper"><option value="">all</option>{papers}</select></label>
<label>Status <select data-filter="status"><option value="">all</option>{statuses}</select></label>
<label>Words <input type="search" data-filter="words" size="18"></label>
<output aria-live="polite">{total} rows</output></p>"""

_SCRIPT = """<script>
(() => {
  const box = document.currentScript.closest(".companion"), out = box.querySelector("output");
  const [paper, status, words] = ["paper", "status", "words"].map(n => box.querySelector(`[data-filter=${n}]`));
  const rows = [...box.querySelectorAll("tbody tr")];
  box.addEventListener("input", () => {
    const wanted = words.value.toLowerCase().split(" ").filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (paper.value && row.dataset.paper !== paper.value)
        || (status.value && row.dataset.status !== status.value) || !wanted.every(word => text.includes(word));
      n += !row.hidden;
    }
    out.textContent = `${n} of ${rows.length} rows`;
  });
})();
</script>"""


def legend() -> Shown:
    """What each status means."""
    frame = pd.DataFrame({"status": list(MEANINGS), "meaning": list(MEANINGS.values())})
    return plain_table(frame, "The statuses")


def runs_table(recorded: Iterable[Run], build: Iterable[Run]) -> Shown:
    """The runs that the statuses rest on.

    Args:
        recorded: Runs kept under data/recorded.
        build: Runs of this build.
    """
    lines = [("recorded", run) for run in recorded] + [("this build", run) for run in build]
    facts = [
        (place, run.experiment, run.profile, run.evidence, run.provenance["commit"][:10], run.provenance["date"][:10],
         run.provenance["data"])
        for place, run in lines
    ]  # fmt: skip
    columns = ["where", "experiment", "profile", "evidence", "commit", "date", "data"]
    return plain_table(
        pd.DataFrame(facts, columns=columns), "Runs that the statuses rest on" if facts else "No run yet"
    )


def counts_table(counts: pd.DataFrame) -> Shown:
    """Rows per paper and status with their totals.

    Args:
        counts: From :func:`companion.results.scorecard.status_counts`.
    """
    whole = pd.concat([counts, counts.sum().to_frame("all four").T])
    whole["rows"] = whole.sum(axis=1)
    whole.insert(0, "paper", [short_names().get(paper, paper) for paper in whole.index])
    return plain_table(whole, "Published rows by status")


def scorecard_downloads(scorecard: pd.DataFrame, page: str = "scorecard") -> Shown:
    """Links to the rows as JSON and as CSV, and to the executed notebook of the page."""
    records = json.dumps(json_rows(scorecard), indent=1, ensure_ascii=False)
    table = scorecard.to_csv(index=False, lineterminator="\n")
    links = [
        download_link("scorecard.json", records, "application/json"),
        download_link("scorecard.csv", table),
        notebook_link(page),
    ]
    words = f"scorecard.json, scorecard.csv; executed notebook: {notebook_address(page)}"
    return Shown(f'<div class="companion-links">Download: {" ".join(links)}</div>', words)


def account(scorecard: pd.DataFrame) -> Shown:
    """Every published row with its status, in a table that a few lines inside the page filter.

    Args:
        scorecard: From :func:`companion.results.scorecard.scorecard_rows`.
    """
    papers = "".join(f'<option value="{name}">{escape(words)}</option>' for name, words in short_names().items())
    statuses = "".join(f"<option>{status}</option>" for status in STATUSES)
    controls = _CONTROLS.format(papers=papers, statuses=statuses, total=len(scorecard))
    heads = ("id", "what the paper prints", "published", "measured", "status, and where it comes from")
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(_line(row) for row in scorecard.to_dict("records"))
    table = f'<table class="dataframe"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
    summary = ", ".join(f"{n} {status}" for status, n in scorecard["status"].value_counts().items())
    return Shown(controls + scrolling(table, "All published rows") + _SCRIPT, f"{len(scorecard)} rows: {summary}")


def _line(row: dict[str, object]) -> str:
    """One row of the table."""
    measure, status = str(row["measure"]), row["status"]
    place = ", ".join((str(row["paper"]), str(row["item"]), measure))
    what = f"{as_html(str(row['row']))} {as_html(str(row['column']))}<small>{escape(place)}</small>"
    said = f"<small>{escape(row['verdict'])}</small>" if row["verdict"] else ""
    rule = f"<small>Criterion: {escape(row['criterion'])}</small>"
    where = f"<b>{status}</b>{said}<small>{escape(row['where'])}</small>{rule}"
    cells = "".join(f"<td>{cell}</td>" for cell in (what, escape(row["published"]), _measured(row, measure), where))
    return f'<tr data-paper="{row["paper"]}" data-status="{status}"><th scope="row">{row["id"]}</th>{cells}</tr>'


def _measured(row: dict[str, object], measure: str) -> str:
    """Value and interval, with the profile they come from."""
    value, low, high = (float(str(row[name])) for name in ("value", "ci_low", "ci_high"))
    if math.isnan(value):
        return "–"
    interval = "" if math.isnan(low) else f" [{_digits(low, measure)}, {_digits(high, measure)}]"
    return f'<span class="number">{_digits(value, measure)}{interval}</span><small>{row["profile"]}</small>'


def _digits(value: float, measure: str) -> str:
    """Digits of a measure; a claim is a difference of whatever it compares, so three that matter."""
    return f"{value:.3g}" if measure in ("claim", "event list") else number(value, measure)
