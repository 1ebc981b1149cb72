"""The one shell around every experiment: settings in, a finished run out.

A chapter gives its settings by profile, the corpora that it needs, and a function from a task to rows. Everything else
happens here and nowhere else: settings are merged, keys derived, runs found or written, provenance collected.
"""

import json
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from companion import code, paths
from companion.checkout import checkout
from companion.datasets.base import Dataset
from companion.errors import DataError, ParameterError
from companion.profiles import PROFILES, Evidence, Parameters, Settings, changed, difference, parse_parameters
from companion.results.provenance import collect, stamp
from companion.results.rows import Rows
from companion.results.run import Run, read_run, write_run
from companion.store import Kept, Store, Value, Work, key
from companion.training import machine, resolve

ROOMS = "companion.papers."


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Args:
        rows: The numbers.
        tables: Small tables behind the figures, by name.
        data: The data in words.
        n_recordings: Distinct recordings behind the numbers.
        seeds: Seeds of trained networks and draws.
    """

    rows: Rows
    tables: Mapping[str, pd.DataFrame]
    data: str
    n_recordings: int
    seeds: Sequence[int] = ()


@dataclass(frozen=True)
class Task:
    """What an experiment is given to do.

    Args:
        settings: Settings of the profile, with what was changed.
        seed: First seed.
        inputs: Corpora and given weights by name.
        work: Device and processes.
        store: Where parts are kept.
        receipts: Of every part so far, in order.
    """

    settings: Any
    seed: int
    inputs: Mapping[str, Any]
    work: Work
    store: Store
    receipts: list[Mapping[str, Any]] = field(default_factory=list)

    def keep(self, function: Callable[..., Value], *arguments: Any, mmap: bool = False) -> Kept:
        """A part: ``function(work, *arguments)``, computed here or found in the store."""
        kept = self.store.keep(function, *arguments, work=self.work, mmap=mmap)
        self.receipts.append(kept.receipt)
        return kept

    def seeds(self, count: int) -> list[int]:
        """The first seed and those after it."""
        return list(range(self.seed, self.seed + count))


@dataclass(frozen=True)
class Part:
    """A part of an experiment that can be made by itself, on another machine say.

    Args:
        make: ``make(task, **index)`` keeps it.
        each: From settings and first seed to the indices of all such parts: ``{"seed": 0, "fold": 3}``.
        after: Names of parts that it uses.
    """

    make: Callable[..., Any]
    each: Callable[[Any, int], Iterable[Mapping[str, Any]]]
    after: tuple[str, ...] = ()


def no_inputs(settings: Settings, seed: int, data: Path) -> dict[str, Dataset]:
    """For an experiment that needs no corpus."""
    return {}


@dataclass(frozen=True)
class Experiment:
    """One chapter's experiment.

    Args:
        place: Name of its module, which gives its own: ``PAPER/CHAPTER``.
        profiles: Settings by profile; a profile that is missing has no such experiment.
        compute: From a task to findings.
        inputs: From settings, first seed and data folder to corpora and given weights by name, all of which have a
            ``fingerprint()``.
        parts: What can be made by itself, by name.
        evidence: Kind of evidence by profile, where it is another than the profile's own.
        of_machine: The rows are times: they belong to the machine, and so does the run.
    """

    place: str
    profiles: Mapping[str, Settings]
    compute: Callable[[Task], Findings]
    inputs: Callable[[Any, int, Path], Mapping[str, Any]] = no_inputs
    parts: Mapping[str, Part] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    of_machine: bool = False

    @property
    def name(self) -> str:
        """``PAPER/CHAPTER``: the name of its page, of its module and of its runs."""
        return self.place.removeprefix(ROOMS).replace(".", "/")

    @property
    def paper(self) -> str:
        """The paper in ``data/published`` that its room is about."""
        return str(self._room.key)

    @property
    def answers(self) -> list[str]:
        """Published ids that it answers."""
        found: list[str] = self._room.ids(self.place.rpartition(".")[2])
        return found

    @property
    def _room(self) -> Any:
        return import_module(self.place.rpartition(".")[0]).PAPER

    def run(
        self,
        profile: str = "demo",
        *,
        seed: int = 0,
        device: str = "auto",
        data: str = "",
        settings: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> Run:
        """Run the experiment, or read it back when the same run is finished.

        Args:
            profile, seed, device, data, settings: As in :class:`companion.profiles.Parameters`.
            **named: Settings to change, by name.

        Raises:
            ParameterError: A parameter or setting is unknown or out of range, or the profile has no such experiment.
        """
        task, parameters = self.task(profile, seed, device, data, {**(settings or {}), **named})
        folder = self._folder(task, parameters.profile)
        if folder.is_dir():
            return read_run(folder)
        began, started = stamp(machine(task.work.device)), time.perf_counter()
        findings = self.compute(task)
        evidence = self.evidence.get(profile, PROFILES[profile].evidence)
        changes = difference(task.settings, self.profiles[profile])
        provenance = collect(
            experiment=self.name,
            profile=profile,
            evidence=evidence,
            data=findings.data,
            inputs={name: given.fingerprint() for name, given in task.inputs.items()},
            seed=task.seed,
            seeds=findings.seeds,
            command=self.command(parameters, changes),
            settings=task.settings.model_dump(mode="json"),
            changed=changes,
            parts=task.receipts,
            started=began,
            wall_time=time.perf_counter() - started,
            n_recordings=findings.n_recordings,
        )
        rows = findings.rows.frame(
            experiment=self.name,
            paper=self.paper,
            profile=profile,
            evidence=evidence,
            data=findings.data.partition(":")[0],
        )
        return write_run(folder, rows, provenance, findings.tables)

    def find(self, profile: str = "demo", *, seed: int = 0, data: str = "") -> Run | None:
        """The finished run of a profile's own settings and today's code, or None; nothing is computed."""
        if profile not in self.profiles:
            return None
        try:
            task, _ = self.task(profile, seed, "auto", data, {})
            folder = self._folder(task, profile)
        except DataError:  # a corpus that is not there
            return None
        return read_run(folder) if folder.is_dir() else None

    def make(self, name: str, where: Mapping[str, Any], **parameters: Any) -> list[str]:
        """Make the parts of one name, or some of them.

        Args:
            name: One of ``parts``.
            where: Indices that a part must have, such as ``{"seed": 1}``.
            **parameters: As for ``run``.

        Returns:
            What was made, in words such as ``adapted seed=1 fold=3``.

        Raises:
            ParameterError: There is no part of this name, or none with these indices.
        """
        if name not in self.parts:
            raise ParameterError(f"{self.name} has no part {name!r}", expected=f"one of {', '.join(self.parts)}")
        settings = {**parameters.pop("settings", {})}
        task, _ = self.task(changes=settings, **parameters)
        listed = list(self.parts[name].each(task.settings, task.seed))
        chosen = [index for index in listed if all(str(index.get(k)) == str(v) for k, v in where.items())]
        if not chosen:
            known = "; ".join(" ".join(f"{k}={v}" for k, v in index.items()) for index in listed[:12])
            raise ParameterError(f"no part {name} with {dict(where)}", expected=known)
        for index in chosen:
            self.parts[name].make(task, **index)
        return [" ".join([name, *(f"{key}={value}" for key, value in index.items())]) for index in chosen]

    def task(
        self,
        profile: str = "demo",
        seed: int = 0,
        device: str = "auto",
        data: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> tuple[Task, Parameters]:
        """What ``run`` would do."""
        parameters = parse_parameters({"profile": profile, "seed": seed, "device": device, "data": data})
        if profile not in self.profiles:
            raise ParameterError(
                f"{self.name} has no profile {profile!r}",
                expected=" or ".join(self.profiles),
                repair=f"companion run {self.name} --profile {next(iter(self.profiles))}",
            )
        settings = changed(self.profiles[profile], changes or {})
        work = Work(resolve(device), torch.get_num_threads())
        store = Store(paths.cache_root() / "store", lambda work: stamp(machine(work.device)))
        inputs = self.inputs(settings, parameters.seed, parameters.data_root)
        return Task(settings, parameters.seed, inputs, work, store), parameters

    def command(self, parameters: Parameters, changes: Mapping[str, Any]) -> str:
        """The command that makes a run again."""
        words = ["companion", "run", self.name, "--profile", parameters.profile, "--seed", str(parameters.seed)]
        words += ["--device", parameters.device] if parameters.device != "auto" else []
        for name, value in changes.items():
            words += ["--set", f"{name}={as_word(value)}"]
        return shlex.join(words)

    def _folder(self, task: Task, profile: str) -> Path:
        """Where the run of a task lies, under a digest of everything that decides its rows."""
        here = {**machine(task.work.device), "instructions": []} if self.of_machine else {}
        identity = key([code.digest(self.compute), task.settings, task.seed, dict(task.inputs), here])
        return paths.runs_root() / self.name / f"{profile}-{identity[:12]}"


def as_word(value: Any) -> str:
    """A setting's value as a command takes it: JSON, or a plain word where it cannot be mistaken for JSON.

    >>> as_word(("a", "b")), as_word("max"), as_word("5"), as_word(None)
    ('["a", "b"]', 'max', '"5"', 'null')
    """
    try:
        json.loads(value)
    except (TypeError, ValueError):
        return value if isinstance(value, str) else json.dumps(value)
    return json.dumps(value)


def record(run: Run) -> Run:
    """Keep a finished run under ``data/recorded/PROFILE/EXPERIMENT``.

    Raises:
        DataError: It was made with changed settings or another first seed, or from a tree with changes: it could not
            be made again by its commit and command alone.
    """
    check_recordable()
    said = run.provenance
    changes = ", ".join([*said["changed"], *(["the first seed"] if said.get("seed") != Parameters().seed else [])])
    if changes or said["dirty"] or any(part.get("dirty") for part in said["parts"]):
        raise DataError(
            f"this run of {run.experiment} is not recorded: it was made with "
            + (f"{changes} changed" if changes else "code that is in no commit"),
            expected="a profile's own settings, and a clean tree from beginning to end",
            repair="commit, remove its folder in the cache, and run it again",
        )
    target = checkout() / "data" / "recorded" / run.profile / run.experiment
    return write_run(target, run.rows, said, {name: run.table(name) for name in run.table_names})


def check_recordable() -> None:
    """Raise DataError unless a run that begins now could be recorded: asked before hours of work, not after."""
    found = stamp({})
    checkout()
    if found["dirty"]:
        raise DataError(
            "recording needs a clean tree: some code differs from the last commit, or there is none",
            expected="every change of src, requirements.lock and data/published committed",
            repair="git status; then commit or stash what it lists",
        )
