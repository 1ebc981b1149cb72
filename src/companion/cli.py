"""The command line: ``companion COMMAND``; `companion --help` lists the commands."""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from companion import experiments, paths
from companion.errors import CompanionError, DataError, ParameterError
from companion.profiles import PROFILES, Parameters, parse_parameters

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


class _PlainErrors(TyperGroup):
    """Prints errors made for the reader without a traceback; any other keeps it, for who mends the code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CompanionError as error:
            _err.print("[bold red]error[/] ", end="")
            _err.print(str(error), markup=False)
            raise typer.Exit(2) from error


# Imports that take seconds (torch, papermill, librosa) stay inside the commands, so that --help is immediate.
app = typer.Typer(
    cls=_PlainErrors,
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
DataOption = Annotated[str, typer.Option(help="Folder of the corpora. [default: $COMPANION_DATA]", show_default=False)]
BudgetOption = Annotated[float, typer.Option(help="Share of the training schedule to run, above 0, at most 1.")]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="Source network to transfer from: the authors' pickle, which is never executed, or a `.safetensors` of "
        "this library. [default: the profile's own]",
        show_default=False,
    ),
]
ClassOrderOption = Annotated[
    str, typer.Option(help="Class names of the pickle's outputs, one a line.", show_default=False)
]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Name of the corpus, for instance `esc50`.")]


@app.command()
def doctor(data: DataOption = "") -> None:
    """Look at Python, packages, processor, GPU, memory, cache and data, and say what to do."""
    from companion.doctor import examine

    marks = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}
    findings = []
    for finding in examine(data):
        findings.append(finding)
        _out.print(f"{marks[finding.state]}  {finding.subject:<11}", end="")
        _out.print(finding.seen, markup=False)
        if finding.advice:
            _out.print(f"{'':17}{finding.advice}", markup=False)
    if any(finding.state == "bad" for finding in findings):
        _out.print("\nFirst mend what is marked [red]bad[/].")
        raise typer.Exit(1)
    _out.print("\nReady for the demo profile: [bold]companion build[/], or [bold]make book[/].")


@app.command()
def fetch(dataset: DatasetArgument, data: DataOption = "") -> None:
    """Download a corpus from its official address, with progress and checksum."""
    corpus, root = _corpus(dataset), _root(data)
    corpus.fetch(root)
    _out.print(f"{corpus.name} lies in {root}", markup=False)


@app.command()
def validate(dataset: DatasetArgument, data: DataOption = "") -> None:
    """Compare a corpus on disk with its own list: missing, extra, damaged. Exit code 1 if it is not whole."""
    report = _corpus(dataset)(_root(data)).validate()
    _out.print(str(report), markup=False)
    if not report.ok:
        _out.print(f"repair: companion fetch {dataset}", markup=False)
        raise typer.Exit(1)


@app.command()
def events(
    dataset: DatasetArgument,
    data: DataOption = "",
    output: Annotated[Path, typer.Option(help="Table to write.")] = Path("data", "events", "esc50.csv"),
) -> None:
    """Cut the events out of ESC-50's clips and write the table of cuts."""
    from companion.datasets.esc50_events import write_event_table

    _chosen("dataset", dataset, {"esc50": write_event_table})
    cuts = write_event_table(_root(data), output)
    _out.print(f"{len(cuts)} events of {len({row.clip for row in cuts})} clips: {output}", markup=False)


@app.command()
def convert(
    released: Annotated[Path, typer.Argument(help="The authors' released checkpoint, a Python pickle.")],
    classes: Annotated[Path, typer.Argument(help="Its class order: one class name a line.")],
    output: Annotated[
        Path | None,
        typer.Option(help="[default: checkpoints/ns-audioset.safetensors in the data folder]", show_default=False),
    ] = None,
) -> None:
    """Convert the released weights to safetensors, without executing the pickle, for the `paper` profile."""
    from companion import checkpoints
    from companion.experiments.stages.weights import class_names

    target = output or paths.data_root() / "checkpoints" / "ns-audioset.safetensors"
    checkpoints.convert(released, target, classes=class_names(classes))
    _out.print(f"converted  {target}", markup=False)


@app.command()
def run(
    notebook: Annotated[
        Path, typer.Argument(help="A notebook, or a page of the book, for instance `kumar2018/transfer`.")
    ],
    profile: ProfileOption = "demo",
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    data: DataOption = "",
    budget: BudgetOption = 1.0,
    weights: WeightsOption = "",
    class_order: ClassOrderOption = "",
    output: Annotated[
        Path | None,
        typer.Option(help="Executed copy. [default: _build/run/PROFILE/NAME.ipynb]", show_default=False),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each numerical library. [default: theirs]", show_default=False),
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
) -> None:
    """Run one notebook through papermill; its parameters are checked before anything starts."""
    from companion import notebooks

    parameters = _parameters(profile, seed, device, data, budget, weights, class_order)
    notebook = _source(notebook)
    target = output or Path("_build", "run", profile, notebook.name)
    _out.print(f"running    {notebook} ({profile}), log {target.with_suffix('.log')}", markup=False)
    done = notebooks.run(notebook, target, parameters.model_dump(), threads=threads, progress=progress)
    _out.print(f"finished   {notebook} in {done.wall_time:.0f} s: {target}", markup=False)


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
    from companion import graph

    _parameters(profile=profile)
    root = _checkout()
    if not dry_run:
        page = graph.build(root, profile, cores=cores, threads=threads)
        _out.print(f"book       {page}", markup=False)
        return
    steps = graph.stale(root, profile)
    for step in steps:
        _out.print(f"{step.name}\n    {shorten(step.reason, 200, placeholder=' …')}", markup=False)
    if not steps:
        _out.print("The book is up to date: nothing to do.")


@app.command(hidden=True)  # a step of the Snakefile
def stage(
    profile: ProfileOption,
    output: Annotated[Path, typer.Option()],
    bibliography: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Gather the book's pages and the executed notebooks for Sphinx."""
    from companion import book

    book.stage(Path("book"), Path("_build", "executed", profile), profile, output, bibliography)


@app.command(hidden=True)  # the Snakefile's last step
def render(
    staged: Annotated[Path, typer.Option()],
    output: Annotated[Path, typer.Option()],
) -> None:
    """Let Sphinx make the book of the gathered pages."""
    from companion import book

    book.render(staged, output, Path("_build", "doctrees"))


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="Name of a module of `companion.experiments`.")],
    profile: ProfileOption = "demo",
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    data: DataOption = "",
    budget: BudgetOption = 1.0,
    weights: WeightsOption = "",
    class_order: ClassOrderOption = "",
    record: Annotated[bool, typer.Option(help="Copy the finished run into data/recorded/PROFILE/NAME.")] = False,
) -> None:
    """Run an experiment without its notebook, on a GPU machine say; a notebook then finds it in the cache."""
    from companion.report.runs import write_run

    parameters = _parameters(profile, seed, device, data, budget, weights, class_order)
    finished = _experiment(name).run(parameters)
    columns = ["item", "row", "column", "measure", "value", "ci_low", "ci_high", "n_recordings", "n_seeds"]
    _out.print(finished.rows[columns].to_string(index=False), markup=False)
    _out.print(f"\nrun folder {finished.folder}", markup=False)
    if record:
        target = _checkout() / "data" / "recorded" / profile / name
        tables = {table: finished.table(table) for table in finished.table_names}
        write_run(target, finished.rows, finished.provenance, tables)
        _out.print(f"recorded   {target}", markup=False)


@app.command()
def scorecard(
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every row to FILE as JSON.", show_default=False)
    ] = None,
) -> None:
    """Say what became of every number the papers print: rows of each status, computed from the results."""
    from companion.report import scorecard as card
    from companion.report.runs import latest_runs, recorded_runs

    rows = card.scorecard_rows(recorded_runs(), latest_runs(paths.runs_root()))
    _out.print(card.status_counts(rows).to_string(), markup=False)
    _out.print(f"\n{len(rows)} published rows", markup=False)
    if json is not None:
        card.write_scorecard(json, rows)
        _out.print(f"written    {json}", markup=False)


def _source(notebook: Path) -> Path:
    """``notebook`` itself, or the book's page of that name."""
    if notebook.is_file():
        return notebook
    page = _checkout() / "book" / notebook.with_suffix(".ipynb")
    return page if page.is_file() else notebook


def _parameters(
    profile: str = "demo", seed: int = 0, device: str = "auto", data: str = "", budget: float = 1.0,
    weights: str = "", class_order: str = "",
) -> Parameters:  # fmt: skip
    given = {"profile": profile, "seed": seed, "device": device, "data": data, "budget": budget}
    return parse_parameters({**given, "weights": weights, "class_order": class_order})


def _root(data: str) -> Path:
    return Path(data).expanduser() if data else paths.data_root()


def _corpus(name: str) -> Any:
    from companion.datasets import DATASETS

    return _chosen("dataset", name, DATASETS)


def _experiment(name: str) -> Any:
    listed = pkgutil.iter_modules(experiments.__path__)
    known = {module.name: f"companion.experiments.{module.name}" for module in listed if not module.ispkg}
    module = importlib.import_module(_chosen("experiment", name, known))
    if not hasattr(module, "run"):
        raise ParameterError(
            f"{name} computes no result rows", expected="an experiment", repair="run its notebook instead"
        )
    return module


def _chosen(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    """``known[name]``, or an error that names the nearest."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise ParameterError(
        f"unknown {kind} {name!r}",
        expected=f"one of {', '.join(known)}",
        repair=f"did you mean {near[0]!r}?" if near else "choose one of these",
    )


def _checkout() -> Path:
    from companion.report.repository import repository_root

    root = repository_root()
    if root is None:
        raise DataError(
            "the book's sources were not found",
            expected="a checkout of the repository, as the working directory or the installed package's home",
            repair="git clone the repository, then `make book` in it",
        )
    return root


if __name__ == "__main__":
    app()
