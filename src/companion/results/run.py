"""Results on disk: a folder with rows.csv, provenance.json and the small tables behind the figures."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from companion.atomic import replace_folder
from companion.checkout import recorded_folder
from companion.errors import DataError, StoreError
from companion.results.provenance import checked_provenance
from companion.results.rows import checked_rows, read_csv

ROWS, PROVENANCE = "rows.csv", "provenance.json"


@dataclass(frozen=True)
class Run:
    """One finished experiment.

    Args:
        folder: Where it lies.
        rows: One line per number; columns as in :data:`companion.results.rows.COLUMNS`.
        provenance: What was run: profile, data, seeds, device, commit, versions, date, command.
    """

    folder: Path
    rows: pd.DataFrame
    provenance: dict[str, Any]
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def experiment(self) -> str:
        """Name of the experiment: that of its folder under ``data/recorded``, or the one it was written with."""
        root = recorded_folder()
        inside = root is not None and root.resolve() in self.folder.resolve().parents
        return "/".join(self.folder.parts[-2:]) if inside else str(self.provenance["experiment"])

    @property
    def profile(self) -> str:
        """``demo``, ``esc50`` or ``paper``."""
        return str(self.provenance["profile"])

    @property
    def evidence(self) -> str:
        """``synthetic``, ``restaged`` or ``official``."""
        return str(self.provenance["evidence"])

    @property
    def table_names(self) -> tuple[str, ...]:
        """Names of the tables in the folder, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.csv") if path.name != ROWS))

    def table(self, name: str) -> pd.DataFrame:
        """Table ``NAME.csv`` of the folder, read when first asked for.

        Raises:
            DataError: The run has no such table, or it is damaged.
        """
        if name not in self._tables:
            if name not in self.table_names:
                raise DataError(
                    f"{self.folder.name} has no table {name!r}",
                    expected=f"one of {', '.join(self.table_names) or 'none'}",
                    repair=f"{self.provenance['command']}   # runs the experiment again",
                )
            self._tables[name] = read_csv(self.folder / f"{name}.csv")
        return self._tables[name].copy()


def write_run(
    folder: Path,
    rows: pd.DataFrame,
    provenance: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Run:
    """Write a run folder. A reader sees the old folder, none, or the whole new one.

    The files are written in a hidden folder beside ``folder``, which then takes its name.

    Args:
        folder: Target; an earlier run there is replaced.
        rows: One line per number, with exactly the columns of the row format.
        provenance: As made by :func:`companion.results.provenance.collect`.
        tables: Small arrays behind the figures, by name.

    Returns:
        Run: As it was written.

    Raises:
        DataError: Rows, provenance or a table's name break the format; nothing is written.
        StoreError: The folder cannot be written; an earlier run stays as it was.
    """
    folder, tables = Path(folder), dict(tables or {})
    kept = checked_provenance(dict(provenance), folder)
    ordered = checked_rows(rows, kept, folder)
    for name in tables:
        if not name.replace("_", "").isalnum() or f"{name}.csv" == ROWS:
            raise DataError(f"{name!r} cannot name a table", expected="letters, digits and _, and not 'rows'")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = Path(scratch, "new")
            fresh.mkdir()
            for name, table in {"rows": ordered, **tables}.items():
                table.to_csv(fresh / f"{name}.csv", index=False, lineterminator="\n")
            text = json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
            (fresh / PROVENANCE).write_text(text, encoding="utf-8")
            replace_folder(fresh, folder)
    except OSError as error:
        raise StoreError(
            f"cannot write the run folder {folder}: {error.strerror or error}",
            expected="a writable folder with free space",
            repair="free some space, or point COMPANION_CACHE at another folder",
        ) from error
    return Run(folder, ordered, kept)


def read_run(folder: Path) -> Run:
    """Read and check a run folder.

    Raises:
        DataError: A file is missing or damaged; names the file, what came and how to mend it.
    """
    folder = Path(folder)
    for name in (ROWS, PROVENANCE):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder} is not a whole run: {name} is missing",
                expected=f"{ROWS} and {PROVENANCE}",
                repair="run the experiment again, or `git checkout` the folder if it is a recorded one",
            )
    try:
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not JSON, or nested without end
        raise DataError(
            f"{folder / PROVENANCE} is damaged: {error}",
            expected="a JSON object",
            repair="run the experiment again, or `git checkout` the file if it is a recorded one",
        ) from error
    kept = checked_provenance(provenance, folder)
    return Run(folder, checked_rows(read_csv(folder / ROWS), kept, folder), kept)


def recorded(experiment: str, root: Path | None = None) -> dict[str, Run]:
    """Recorded runs of one experiment by profile: ``data/recorded/PROFILE/EXPERIMENT``.

    Args:
        experiment: Name of the experiment, such as ``PAPER/CHAPTER``.
        root: Another folder than the repository's ``data/recorded``.

    Returns:
        dict: Empty where nothing is recorded.
    """
    root = root or recorded_folder()
    folders = [] if root is None else sorted(Path(root).glob(f"*/{experiment}/{PROVENANCE}"))
    return {run.profile: run for run in map(read_run, (path.parent for path in folders))}


def recorded_runs(root: Path | None = None) -> list[Run]:
    """Every recorded run, in the order of the folders' names."""
    root = root or recorded_folder()
    return [] if root is None else [read_run(path.parent) for path in sorted(Path(root).rglob(PROVENANCE))]
