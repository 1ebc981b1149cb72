"""The code that makes a value: a function's module, every module of this package that it imports, and so on.

A digest of that code is part of every cached value's key. What belongs to it is read off the import statements, so
that nobody has to keep a list of modules, and no list can be out of date. A package counts where a name is imported
from it, not where a module is imported through it: importing does no work here, so a package that is only passed
through decides nothing.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
"""Where this package's source lies."""

NUMERICAL = {
    "lightning_fabric": "lightning-fabric",
    "librosa": "librosa",
    "numpy": "numpy",
    "openTSNE": "openTSNE",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "torch": "torch",
}
"""Packages that touch a number, by the name they are imported under; their versions count as code."""


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def digest(*things: Any, package: Path = PACKAGE) -> str:
    """Digest of the code of functions or classes: their modules' import closures, and the numerical packages used.

    Comments, docstrings and layout do not count.

    Args:
        things: Functions, classes, or names of modules.
        package: Folder of the package; another one in tests.

    Returns:
        64 hexadecimal digits of SHA-256.
    """
    modules, used = closure(*things, package=package), set[str]()
    content = hashlib.sha256()
    for name in sorted(modules):
        code, _, outside = _read(modules[name], package)
        content.update(f"{name}\0{code}\0".encode())
        used |= outside
    versions = {name: _version(NUMERICAL[name]) for name in sorted(used & NUMERICAL.keys())}
    return hashlib.sha256(f"{content.hexdigest()} {versions}".encode()).hexdigest()


def closure(*things: Any, package: Path = PACKAGE) -> dict[str, Path]:
    """Modules of this package that functions or classes depend on, by name, with their files.

    >>> sorted(closure("companion.atomic"))
    ['companion.atomic', 'companion.errors']
    """
    found: dict[str, Path] = {}
    waiting = [thing if isinstance(thing, str) else thing.__module__ for thing in things]
    while waiting:
        name = waiting.pop()
        file = _file(name, package)
        if file is None or name in found:
            continue
        found[name] = file
        waiting += _read(file, package)[1]
    return found


def imported(source: str, package: Path = PACKAGE) -> dict[str, Path]:
    """Modules of this package that a piece of source code, such as a notebook's cells, depends on."""
    return closure(*_imports(ast.parse(source), package), package=package)


@cache
def _version(distribution: str) -> str:
    return metadata.version(distribution)


def _file(name: str, package: Path) -> Path | None:
    """File of a module of this package; None for any other name."""
    first, *rest = name.split(".")
    if first != "companion":
        return None
    place = package.joinpath(*rest)
    candidates = [place / "__init__.py", place.with_suffix(".py")] if rest else [place / "__init__.py"]
    return next((file for file in candidates if file.is_file()), None)


def _read(file: Path, package: Path) -> tuple[str, frozenset[str], frozenset[str]]:
    state = file.stat()
    return _parsed(file, package, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _parsed(file: Path, package: Path, _changed: int, _size: int) -> tuple[str, frozenset[str], frozenset[str]]:
    """What a module does, the modules of this package that it imports, and the other packages that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = set(_imports(tree, package))
    outside = frozenset(name.partition(".")[0] for name in names if name.partition(".")[0] != "companion")
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree), frozenset(names), outside


def _imports(node: ast.AST, package: Path) -> Iterator[str]:
    """Every name that some code imports anywhere, but for what only type checkers see."""
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):  # imports are statements, never expressions
        for statement in getattr(node, block, ()):
            if isinstance(statement, ast.Import):
                yield from (alias.name for alias in statement.names)
            elif isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    inner = f"{statement.module}.{alias.name}"
                    yield inner if _file(inner, package) else statement.module
            elif not (isinstance(statement, ast.If) and re.search(r"\bTYPE_CHECKING\b", ast.unparse(statement.test))):
                yield from _imports(statement, package)
