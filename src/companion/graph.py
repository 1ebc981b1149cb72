"""Calls Snakemake, which knows what of the book is missing or out of date (see the Snakefile)."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from companion.book import BookError
from companion.terminal import BUILD_PROCESS, end_with_build

_STEP = re.compile(r"^Job \d+: (?P<name>.+)\nReason: (?P<reason>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One thing the next build would do.

    Args:
        name: What would be made.
        reason: Why: missing, or which input changed.
    """

    name: str
    reason: str


def stale(root: Path, profile: str) -> list[Step]:
    """What the next build would do, and why; empty when the book is up to date.

    Args:
        root: Folder of the checkout.
        profile: ``demo``, ``esc50`` or ``paper``.

    Raises:
        BookError: The graph itself is broken, for example by a missing source.
    """
    done = subprocess.run(
        [*_snakemake(root, profile), "--dry-run", "--quiet", "host", "progress"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="backslashreplace",
    )  # fmt: skip
    if done.returncode:
        words = done.stdout.strip()
        raise BookError(f"the graph cannot be planned:\n{words}", repair="mend what is named above")
    return [Step(**match.groupdict()) for match in _STEP.finditer(done.stdout)]


def build(root: Path, profile: str, *, cores: int = 2, threads: int = 1) -> Path:
    """Run the notebooks that are missing or changed, then render the book.

    What notebooks report passes to the terminal; Snakemake's own words go to ``_build/logs/snakemake.log``.

    Args:
        root: Folder of the checkout.
        profile: ``demo``, ``esc50`` or ``paper``.
        cores: Cores to use; ``cores / threads`` notebooks run at a time.
        threads: Threads of each notebook. With 1, results do not depend on the machine's number of cores.

    Returns:
        Path: The book's first page.

    Raises:
        BookError: A notebook failed, Sphinx warned, or another build is at work in the same folder.
    """
    log = root / "_build" / "logs" / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _forget_other_books(root, profile)
    quiet = ["--quiet", "host", "progress", "rules"]
    command = [*_snakemake(root, profile, cores, threads), "--keep-going", *quiet]
    # Snakemake and its steps look for this process and end with it: a build that is killed leaves nothing at work.
    environment = {**os.environ, BUILD_PROCESS: str(os.getpid())}
    with _alone(root / "_build" / ".lock"), log.open("w", encoding="utf-8") as words:
        done = subprocess.run(command, stderr=words, env=environment)
    if done.returncode:
        raise _failure(log)
    return root / "_build" / "html" / "index.html"


def _snakemake(root: Path, profile: str, cores: int = 1, threads: int = 1) -> list[str]:
    return [
        sys.executable, "-m", "companion.graph",
        "--snakefile", str(root / "Snakefile"), "--directory", str(root),
        "--cores", str(cores), "--scheduler", "greedy",
        "--rerun-incomplete", "--nolock",
        "--config", f"profile={profile}", f"threads={threads}",
    ]  # fmt: skip


def _failure(log: Path) -> BookError:
    """Tell a failed notebook, which has already said so itself, from a graph that could not start."""
    words = log.read_text(encoding="utf-8", errors="backslashreplace").strip()
    cause = "see above" if "CalledProcessError" in words else f"Snakemake says:\n{words}"
    return BookError(
        f"the book was not rendered: {cause}",
        expected="every notebook to finish and Sphinx to warn of nothing",
        repair=f"mend what is named, then call the same command again; the full log is {log}",
    )


def _forget_other_books(root: Path, profile: str) -> None:
    """One folder holds the book of one profile: the mark that another's is finished goes, and this one's without it."""
    for mark in (root / "_build").glob("*.book"):
        if mark.stem != profile or not (root / "_build" / "html" / "index.html").is_file():
            mark.unlink()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock that dies with its process: Snakemake's own stays behind when a build is killed."""
    with lock.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            process = handle.read().strip() or "unknown"
            raise BookError(
                f"another build is at work in {lock.parent}: process {process}",
                expected="one build at a time in a folder",
                repair=f"wait for it to end, or stop it: kill {process}",
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


if __name__ == "__main__":  # Snakemake, as a step of a build
    end_with_build()
    from snakemake.cli import main

    main()
