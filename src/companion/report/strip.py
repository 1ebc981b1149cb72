"""What stands around the results of a page: the banner, what was run, downloads and the citation."""

from collections.abc import Iterable, Mapping
from typing import Any

from companion.profiles import PROFILES
from companion.report.shown import Shown, escape, folded, notebook_address, notebook_link
from companion.results.published import bibtex, short_names
from companion.results.run import Run

_MAIN_VERSIONS = ("weak-audio-companion", "python", "torch", "numpy", "scikit-learn", "librosa")


def what_was_run(run: Run) -> Shown:
    """One strip with everything needed to run it again, below the banner of synthetic or restaged data."""
    facts = _facts(run.provenance)
    entries = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    command = escape(run.provenance["command"])
    entries += f"<dt>command</dt><dd><code>{command}</code></dd>"
    lines = [f"- **{name}**: {text}" for name, text in facts.items()]
    lines.append(f"- **command**: `{run.provenance['command']}`")
    strip = f'<div class="companion-strip" role="group" aria-label="What was run"><dl>{entries}</dl></div>'
    shown = Shown(strip, "\n".join(lines))
    warning = banner(run.profile)
    return warning + shown if warning.html else shown


def _facts(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Fields of the strip in words."""
    state = ", with changes" if provenance["dirty"] else ""
    known = provenance["versions"]
    return {
        "profile": f"{provenance['profile']}: {PROFILES[provenance['profile']].description}",
        "data": f"{provenance['data']}; {provenance['n_recordings']} distinct recordings",
        "seeds": ", ".join(str(seed) for seed in provenance["seeds"]),
        "device": ", ".join([provenance["device"], *computed_in(provenance)]),
        "commit": (provenance["commit"][:10] or "not under git") + state,
        "versions": ", ".join(f"{name} {known[name]}" for name in _MAIN_VERSIONS if name in known),
        "date": provenance["date"].replace("T", " ").replace("+00:00", " UTC"),
        "time": duration(provenance["wall_time_s"]) + of_parts(provenance),
    }


def computed_in(provenance: Mapping[str, Any]) -> list[str]:
    """Precision and threads, where a run noted them."""
    threads = provenance.get("threads")
    said = [str(provenance["precision"])] if provenance.get("precision") else []
    return said + ([f"{threads} thread{'' if threads == 1 else 's'}"] if threads else [])


def of_parts(provenance: Mapping[str, Any]) -> str:
    """What the parts of a run took, most of which were made before it, as a further clause; empty without any."""
    parts = {part["key"]: float(part["seconds"]) for part in provenance["parts"] if "seconds" in part}
    return f"; its {len(parts)} parts {duration(sum(parts.values()))}" if parts else ""


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(7.4), duration(130), duration(7384)
        ('7.4 s', '2 min 10 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def banner(profile: str) -> Shown:
    """The sentence that says how far numbers of a profile may be compared; empty for official data."""
    words = PROFILES[profile].banner
    return Shown(
        f'<p class="companion-note" role="note">{escape(words)}</p>' if words else "",
        f"> {words}" if words else "",
    )


def downloads(runs: Iterable[Run], page: str) -> Shown:
    """Links to the rows and tables of recorded runs, which the book keeps beside its pages, and to the notebook.

    Args:
        runs: Recorded runs.
        page: Page of the book without suffix, for instance ``kumar2018/transfer``.
    """
    links, words = [], []
    for run in runs:
        folder = f"recorded/{run.profile}/{run.experiment}"
        files = [f"{name}.csv" for name in ("rows", *run.table_names)] + ["provenance.json"]
        links += [_link(f"{'../' * page.count('/')}{folder}/{file}", f"{run.profile}: {file}") for file in files]
        words.append(f"data/{folder}: {', '.join(files)}")
    words.append(f"executed notebook: {notebook_address(page)}")
    return Shown(f'<div class="companion-links">{" ".join([*links, notebook_link(page)])}</div>', "\n\n".join(words))


def _link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}" download>{escape(words)}</a>'


def citation(paper: str) -> Shown:
    """How to cite a paper: its BibTeX entry, folded.

    Args:
        paper: As in published.csv, for instance ``Kumar2018``.
    """
    entry = bibtex(paper)
    return folded(f"Cite {short_names()[paper]}", Shown(f"<pre>{escape(entry)}</pre>", f"```bibtex\n{entry}\n```"))
