"""The scorecard as a page shows it: counts, the claims as sentences, and every row in a table that can be searched."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pandas as pd
from itables.utils import read_package_file

from companion.report.answer import changed_note
from companion.report.found import found_cell
from companion.report.shown import Shown, download_link, escape, folded, notebook_address, notebook_link, scrolling
from companion.report.symbols import as_html
from companion.report.tables import plain_table, text_table
from companion.results.published import short_names
from companion.results.run import Run
from companion.results.scorecard import UNANSWERED, json_rows

MEANINGS = {
    "exact": "follows from definitions, and the named test passed in this build",
    "reproduced": "measured on the paper's own data, and the published value lies in the interval",
    "differs": "measured on the paper's own data, and the published value lies outside the interval",
    "recomputed": "computed from the paper's own data, where no number is printed, no interval can be compared, or a "
    "claim is not settled",
    "measured": "times and counts that any input can answer",
    "restaged": "same method, measure and aggregation on real audio, another task; for a class, one of its meaning",
    "simulated": "computed on synthetic sound only",
    "waiting": "not measured; the row says which data it needs and the command to run then",
    "cited": "another group's number, quoted by the paper",
}

_SCRIPT = """<script type="module">
const bytes = code => Uint8Array.from(atob(code), letter => letter.charCodeAt(0));
const style = document.createElement("style");
style.textContent = new TextDecoder().decode(bytes("{css}"));
document.head.append(style);
const address = URL.createObjectURL(new Blob([bytes("{js}")], {{type: "text/javascript"}}));
const {{default: DataTable, set_or_remove_dark_class}} = await import(address);
set_or_remove_dark_class();
const kind = "filter";  // what a cell is listed under: its attribute data-search, or else its words
const panes = {{columns: {panes}, layout: "columns-3", initCollapsed: true, controls: false}};
new DataTable("#{table}", {{paging: false, order: [], autoWidth: false, columnDefs: [{{visible: false, targets: 1}},
  {{targets: 5, searchPanes: {{orthogonal: {{display: kind, filter: kind, search: kind, sort: kind}}}}}}],
  layout: {{topStart: "info", topEnd: "search", top2: {{searchPanes: panes}}}}}});
for (const input of document.querySelectorAll("input.dtsp-search")) input.setAttribute("aria-label", input.title);
const wanted = document.getElementById(location.hash.slice(1));
wanted?.closest("details")?.setAttribute("open", "");
wanted?.scrollIntoView();
</script>"""
"""Turns a plain table into one that sorts, searches and filters. The library travels with the page: pages opened from
a file may load no other file as a module, and need no network."""


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


def claims(scorecard: pd.DataFrame) -> Shown:
    """What the papers claim in words and what became of it, where it was measured on real audio, timed or proved.

    Args:
        scorecard: From :func:`companion.results.scorecard.scorecard_rows`.
    """
    kept = scorecard[(scorecard["measure"] == "claim") & ~scorecard["status"].isin(UNANSWERED)]
    lines = [
        {
            "claim": as_html(row["criterion"].partition(". ")[0].rstrip(".")),
            "published": escape(row["published"]),
            "found": found_cell(row),
            "verdict": escape(row["verdict"] or row["status"]) + changed_note(row["changed"]),
            "row": f'<a href="#{row["id"]}">{row["id"]}</a>',
        }
        for row in kept.to_dict("records")
    ]
    table = text_table(lines, f"Claims of the papers: {_grounds(kept['status'])}")
    return Shown(f'<div class="companion-claims">{table.html}</div>', table.markdown)


def _grounds(statuses: pd.Series) -> str:
    """How many claims rest on what, in words."""
    others = {"measured": "timed", "exact": "proved"}
    counts = statuses.map(lambda status: others.get(status, "judged on real audio")).value_counts()
    order = ["judged on real audio", *others.values()]
    return ", ".join(f"{counts[words]} {words}" for words in order if words in counts)


def account(scorecard: pd.DataFrame) -> Shown:
    """Every row that was measured on real audio, timed, proved or quoted, in a table that sorts, searches and filters.

    Numbers of generated sound are no answers, and stand in a table of their own (:func:`generated`).

    Args:
        scorecard: From :func:`companion.results.scorecard.scorecard_rows`.
    """
    kept = scorecard[~scorecard["status"].isin(["waiting", "simulated"])]
    table = _table(kept, "account")
    files = {name: base64.b64encode(read_package_file(f"html/dt_bundle.{name}").encode()) for name in ("js", "css")}
    script = _SCRIPT.format(table="account", panes=[1, 5, 6], **{name: code.decode() for name, code in files.items()})
    summary = ", ".join(f"{n} {status}" for status, n in kept["status"].value_counts().items())
    return Shown(scrolling(table, "Published rows with an answer") + script, f"{len(kept)} rows: {summary}")


def waiting(scorecard: pd.DataFrame) -> Shown:
    """Rows without an answer, folded: which data each needs, and the command to run then."""
    kept = scorecard[scorecard["status"] == "waiting"]
    table = Shown(scrolling(_table(kept, "waiting"), "Published rows without an answer"), f"{len(kept)} rows wait")
    return folded(f"Rows that wait for data ({len(kept)})", table)


def generated(scorecard: pd.DataFrame) -> Shown:
    """Rows with numbers of generated sound only, folded: they show that the code runs, and answer nothing."""
    kept = scorecard[scorecard["status"] == "simulated"]
    title = f"What this build computed on generated sound: no answers ({len(kept)})"
    table = _table(kept, "generated", "on generated sound")
    return folded(title, Shown(scrolling(table, "Published rows on generated sound"), f"{len(kept)} rows simulated"))


def _table(rows: pd.DataFrame, name: str, found: str = "found") -> str:
    """A plain table of the scorecard; each row is an anchor."""
    heads = ("id", "paper", "what", "published", found, "verdict", "status")
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(_line(row) for row in rows.to_dict("records"))
    kind = "dataframe companion-rows"  # small: all columns in the width of the text
    return f'<table id="{name}" class="{kind}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def _line(row: dict[str, Any]) -> str:
    """One row of the table."""
    place = f"<small>{escape(row['item'])}, {escape(row['measure'])}</small>"
    rule = f"<p>{escape(row['criterion'])}</p><p>{escape(row['where'])}</p>"
    rule = f"<details><summary>criterion</summary>{rule}</details>{changed_note(row['changed'])}"
    what = f"{as_html(row['row'])} {as_html(row['column'])}{place}{rule}"  # panes list cells: the others hold a word
    cells = (short_names()[row["paper"]], what, escape(row["published"]), found_cell(row))
    verdict = row["verdict"] or "–"
    kind = "drawn" if verdict.startswith("drawn from") else verdict  # what the filter lists it under
    shown = "".join(f"<td>{cell}</td>" for cell in cells)
    shown += f'<td data-search="{escape(kind)}">{escape(verdict)}</td><td>{row["status"]}</td>'
    return f'<tr id="{row["id"]}"><th scope="row">{row["id"]}</th>{shown}</tr>'
