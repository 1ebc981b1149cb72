"""Runs one notebook: its parameters are checked first, and only a finished copy gets the output's name."""

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion import paths
from companion.errors import CompanionError, ParameterError, StoreError
from companion.profiles import parse_parameters

# Each of these libraries counts its threads for itself.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

LONGEST_SOCKET = 80
"""Bytes that the folder of a socket may have: its whole path fits into 104 on every system."""


class NotebookError(CompanionError):
    """A notebook did not finish; its output was not written."""


@dataclass(frozen=True)
class Execution:
    """A notebook that ran to its end.

    Args:
        output: The executed copy.
        log: What its cells printed.
        wall_time: Seconds from start to end, the kernel's start included.
    """

    output: Path
    log: Path
    wall_time: float


def run(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    threads: int | None = None,
    progress: bool = True,
) -> Execution:
    """Execute ``notebook`` with papermill in a kernel of the current interpreter.

    The kernel starts in the caller's working directory, as with plain papermill, so that a relative
    ``COMPANION_DATA`` or ``COMPANION_CACHE`` means the same folder inside the notebook as outside.

    Args:
        notebook: The source, without outputs.
        output: Where the executed copy goes once every cell has finished; a former copy is removed first,
            so that what lies there always belongs to the last run.
        parameters: Values for the cell tagged ``parameters``; see :class:`companion.profiles.Parameters`.
        threads: Threads of each numerical library in the kernel; ``None`` leaves the choice to them.
        progress: Show a progress bar over the cells.

    Returns:
        Execution: The executed copy, its log and the time it took.

    Raises:
        ParameterError: A parameter is unknown or out of range, the notebook is missing, or the output would replace
            something else. Nothing ran.
        NotebookError: A cell failed. ``NAME.failed.ipynb`` and ``NAME.run.log`` are kept, no output.
        StoreError: The output's folder cannot be written.
    """
    values = parse_parameters(parameters).model_dump()
    source, output = paths.given(notebook).absolute(), paths.given(output).absolute()
    if not source.is_file():
        raise ParameterError(
            f"notebook {notebook} does not exist",
            expected="a path such as book/kumar2018/transfer.ipynb",
            repair="list them with `ls book/*.ipynb book/*/*.ipynb`",
        )
    unfinished, log = output.with_suffix(".failed.ipynb"), output.with_suffix(".run.log")
    _check_output(source, output, (unfinished, log))
    _check_text(f"{source} {output} {json.dumps(values, ensure_ascii=False, default=str)}")
    skip_iri_grammar()
    import papermill  # noqa: F401  # that it is there is known before a former copy goes

    started = time.monotonic()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for former in (output, unfinished, log):
            former.unlink(missing_ok=True)
        with _logged(log):
            _execute(source, unfinished, values, threads, progress)
            _check_finished(unfinished)
        unfinished.replace(output)
    except OSError as error:
        raise StoreError(
            f"cannot write {output}: {error.strerror or error}",
            expected="a writable folder with free space",
            repair="free some space, or choose another place with --output",
        ) from error
    except Exception as error:
        raise NotebookError(
            f"notebook {notebook} did not finish: {_cause(error)}",
            expected="every cell to finish",
            repair=f"read {log}, or open {unfinished}: its last executed cell shows the failure",
        ) from error
    return Execution(output, log, time.monotonic() - started)


def _check_output(source: Path, output: Path, beside: tuple[Path, ...]) -> None:
    """Refuse an output that would cost a reader something.

    Raises:
        ParameterError: It is the source, or a file that belongs to the source's own run; it lies among a book's
            sources; or it is no notebook, and so may be anything else.
    """
    if output.suffix != ".ipynb":
        problem = f"the executed copy cannot be called {output.name!r}"
    elif any(file.exists() and file.samefile(source) for file in (output, *beside)):
        problem = f"running {source.name} would replace it by its executed copy"
    elif any((folder / "_toc.yml").is_file() for folder in output.resolve().parents):
        problem = f"{output} lies among a book's sources"
    elif output.exists() and not output.is_file():
        problem = f"{output} is there already, and is no file"
    else:
        return
    raise ParameterError(problem, expected="a new .ipynb elsewhere", repair="choose another place with --output")


def _check_text(text: str) -> None:
    """Refuse what no notebook can hold: an executed copy notes its path and its parameters as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParameterError(
            f"a notebook's path or parameters are not UTF-8: {text}",
            expected="names and values in UTF-8",
            repair="rename the file or folder",
        ) from error


def _check_finished(executed: Path) -> None:
    """Papermill takes ``sys.exit(0)`` in a cell for an end like any other.

    Raises:
        NotebookError: A cell was left out.
    """
    import nbformat

    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        if cell.source.strip() and cell.execution_count is None:
            raise NotebookError(f"code cell {number} was never executed: an earlier one ended the notebook")


def skip_iri_grammar() -> None:
    """Spare every process that reads a notebook three seconds.

    Notebooks are checked with jsonschema, which on import compiles a grammar of international web addresses
    where one is installed (JupyterLab brings it). No notebook needs it, and jsonschema does without.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes its import fail


def _execute(source: Path, target: Path, values: dict[str, Any], threads: int | None, progress: bool) -> None:
    # Imported here: papermill and its kernels take a second that `companion --help` should not.
    skip_iri_grammar()
    import papermill
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    cap = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    # The kernel talks to this process alone; its remarks on encryption and shutdown would tear the progress bar.
    command = get_kernel_dict(extra_arguments=["--log-level=CRITICAL"])
    this_interpreter = KernelSpec(resource_dir=RESOURCES, env=cap, **command)

    class ThisInterpreter(AsyncKernelManager):
        """Starts the Python that runs this code, whatever kernels the machine has installed or lacks."""

        def __init__(self, **traits: Any) -> None:
            super().__init__(connection_file=str(Path(folder, "kernel.json")), transport=_transport(folder), **traits)

        @property
        def kernel_spec(self) -> KernelSpec:
            return this_interpreter

    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        papermill.execute_notebook(
            source,
            target,
            values,
            kernel_name="python3",
            language="python",
            progress_bar=progress and {"desc": source.stem},
            log_output=True,
            kernel_manager_class=ThisInterpreter,
        )


def _transport(folder: str) -> str:
    """How to talk to a kernel: through sockets in a folder of its own, where the system has them.

    Free ports are found before they are taken, so that two kernels that start at once may be given the same one.
    """
    return "ipc" if os.name == "posix" and len(os.fsencode(folder)) < LONGEST_SOCKET else "tcp"


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Write what papermill reports, printed output included, to ``log`` instead of the terminal."""
    logger = logging.getLogger("papermill")
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    except Exception as error:
        logger.error("%s", error)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
        handler.close()


def _cause(error: Any) -> str:
    """A cell's own exception in a line, else the error's text."""
    if hasattr(error, "ename"):
        return f"cell [{error.exec_count}] raised {error.ename}: {error.evalue}"
    if type(error).__name__ == "DeadKernelError":
        return "its kernel died, most often because memory ran out"
    return f"{type(error).__name__}: {error}"
