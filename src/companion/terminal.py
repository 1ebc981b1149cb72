"""What all commands have in common: output that any terminal takes, errors in plain words, paths looked at first."""

import os
import sys
import threading
import time
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from rich.console import Console
from typer.core import TyperGroup

from companion import paths
from companion.errors import CompanionError, DataError, ParameterError, StoreError, shorten

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

BUILD_PROCESS = "COMPANION_BUILD_PROCESS"
"""Environment variable that names the process of a build to what it starts."""


class PlainErrors(TyperGroup):
    """Prints errors made for the reader, and the system's refusals, without a traceback.

    Any other error keeps its traceback, for who mends the code. A command that a build began ends with it.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # names of files are any bytes, and a terminal may know ASCII alone: neither ends a command
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **extra)
        except CompanionError as error:
            _say(error)
        except OSError as error:
            _say(refusal(error))
        except ModuleNotFoundError as error:
            if str(error.name).partition(".")[0] == "companion":
                raise
            _say(missing(error))
        sys.exit(2)

    def invoke(self, ctx: Any) -> Any:
        try:
            Path.cwd()
        except OSError as error:  # some libraries end the process in such a place
            raise StoreError(
                f"the working directory is gone: {error.strerror}",
                expected="a folder that exists",
                repair="cd to another folder",
            ) from error
        end_with_build()
        return super().invoke(ctx)


def _say(error: CompanionError) -> None:
    err.print("[bold red]error[/] ", end="")
    err.print(str(error), markup=False)


def refusal(error: OSError) -> StoreError:
    """The system's refusal in words: which file, and why."""
    reason = error.strerror or str(error)
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail again at the end
        return StoreError(
            f"standard output takes no more: {reason}",
            expected="a terminal, a pipe or a file with room",
            repair="free some space, or send the output elsewhere",
        )
    place = shorten(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else ""
    return StoreError(
        f"the system refused {place or 'a file'}: {reason}",
        expected="names of up to 255 bytes, the right to read and write, and free space",
        repair="look at this path and at the disk, and give the command again",
    )


def missing(error: ModuleNotFoundError) -> DataError:
    """A package that an installation without the book's leaves out."""
    return DataError(
        f"this command needs the package {error.name}, which is not installed",
        expected="the library's and the book's packages, as `companion doctor` lists them",
        repair="in a checkout: make install, or pip install -e '.[book]'",
    )


def end_with_build() -> None:
    """End this process, and the kernel that it started, as soon as the build that began it is gone."""
    build = os.environ.get(BUILD_PROCESS, "")
    if not build.isdecimal():
        return

    def watch() -> None:
        while _alive(int(build)):
            time.sleep(0.2)
        os._exit(1)  # a kernel of Jupyter ends when its parent does

    threading.Thread(target=watch, daemon=True).start()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:  # one that has ended, and whose parent did not ask, keeps its number
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def folder(text: str) -> str:
    """A folder as someone typed it; nothing means the usual one.

    Raises:
        ParameterError: It begins with ``~`` and the name of nobody.
    """
    if text:
        paths.given(text)
    return text


def existing_file(text: str) -> Path:
    """A file to read.

    Raises:
        DataError: There is no such file, or it is none: reading a pipe may never end.
        ParameterError: As for a folder.
    """
    path = paths.given(text)
    if not path.is_file():
        came = "is no regular file" if path.exists() else "does not exist"
        raise DataError(f"{path} {came}", expected="a file", repair="check the path")
    return path


def new_file(suffix: str) -> Callable[[str], Path]:
    """Reads the name of a file to write, which must end in ``suffix``, so that a slip replaces no other kind of file.

    Raises:
        ParameterError: It has another ending, or something else than a file has the name; or as for a folder.
    """

    def file(text: str) -> Path:
        path = paths.given(text)
        if path.suffix != suffix:
            problem = f"{str(text)!r} is not the name of a {suffix} file"
        elif path.exists() and not path.is_file():
            problem = f"{path} is there already, and is no file"
        else:
            return path
        raise ParameterError(problem, expected=f"the name of a {suffix} file", repair="choose another name")

    return file
