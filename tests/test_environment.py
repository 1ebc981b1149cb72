"""pyproject.toml says what is needed; environment.yml and requirements.lock must say the same."""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import grimp
import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import companion

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")
# where conda-forge's name is not the one of the package index
CONDA_NAMES = {
    "matplotlib-base": "matplotlib",
    "pysoundfile": "soundfile",
    "pytorch": "torch",
    "soxr-python": "soxr",
}


def declared() -> dict[str, Requirement]:
    """Every direct requirement, of the library and of its extras, by canonical name."""
    extras = PROJECT["optional-dependencies"]
    requirements = [Requirement(line) for line in [*PROJECT["dependencies"], *extras["book"], *extras["dev"]]]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def locked() -> dict[str, Requirement]:
    """Every pin, by canonical name."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert len({canonicalize_name(pin.name) for pin in pins}) == len(pins), "a package is pinned twice"
    return {canonicalize_name(pin.name): pin for pin in pins}


def environment(python: str) -> dict[str, str]:
    """What environment markers see under another version of Python."""
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    return {**default_environment(), **versions, "extra": ""}


def applies(requirement: Requirement, python: str, extras: frozenset[str] = frozenset()) -> bool:
    """Whether a requirement counts under a version of Python, for a package asked for with these extras."""
    environments = [{**environment(python), "extra": extra} for extra in ("", *extras)]
    return requirement.marker is None or any(map(requirement.marker.evaluate, environments))


def needed(python: str) -> set[str]:
    """Names that the installed packages ask for, starting from pyproject.toml.

    Packages that are installed under another version of Python only have no metadata here: their name counts,
    their own needs cannot be followed.
    """
    waiting = [*declared().values(), *map(Requirement, ("setuptools",))]
    seen: set[str] = set()
    followed: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        seen.add(name)
        if (name, extras) in followed:
            continue
        followed.add((name, extras))
        try:
            wanted = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        waiting += [candidate for candidate in map(Requirement, wanted) if applies(candidate, python, extras)]
    return seen


def test_the_version_is_said_once():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert companion.__version__ == PROJECT["version"] == cited["version"] == metadata.version(PROJECT["name"])


def test_environment_yml_asks_for_the_same_names_and_ranges():
    file = yaml.safe_load((ROOT / "environment.yml").read_text())
    from_conda = [entry for entry in file["dependencies"] if isinstance(entry, str) and entry != "pip"]
    from_pip = next(entry["pip"] for entry in file["dependencies"] if isinstance(entry, dict))
    assert from_pip[-1] == "-e ."
    asked = {}
    for line in [*from_conda, *from_pip[:-1]]:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        asked[CONDA_NAMES.get(name, name)] = requirement.specifier
    expected = {name: requirement.specifier for name, requirement in declared().items()}
    assert asked == {**expected, "python": Requirement(f"python{PROJECT['requires-python']}").specifier}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_pins_every_direct_requirement_inside_its_range(python):
    pins = locked()
    for name, requirement in declared().items():
        assert name in pins, f"{name} is not pinned"
        pin = pins[name]
        assert applies(pin, python)
        (specifier,) = pin.specifier
        assert requirement.specifier.contains(specifier.version), f"{pin} is outside {requirement}"


def test_the_lock_pins_one_exact_public_version_each():
    for pin in locked().values():
        assert pin.url is None
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        # a local suffix (+cpu, +cu130) would install on some machines only
        assert re.fullmatch(r"[0-9][0-9a-z.]*", specifier.version), pin


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_is_needed_and_nothing_else(python):
    pins = locked()
    installed = {canonicalize_name(found.name): found.version for found in metadata.distributions()}
    drifted = [name for name in pins.keys() & installed if installed[name] not in pins[name].specifier]
    if drifted:
        pytest.skip(f"this environment was not installed from the lock: {', '.join(drifted)} differ")
    applicable = {name for name, pin in pins.items() if applies(pin, python)}
    # a CUDA build of torch pins its own libraries exactly; they differ by platform and stay out of the lock
    wanted = {name for name in needed(python) if not re.match(r"nvidia-|cuda-|triton$", name)}
    assert sorted(wanted - applicable) == [], "needed but not pinned: install it, then add its line"
    # under another Python some needs cannot be followed
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        assert sorted(applicable - wanted) == [], "pinned but asked for by nobody: remove the line"


def test_every_imported_package_is_declared_and_every_declared_one_is_used():
    graph = grimp.build_graph("companion", include_external_packages=True, cache_dir=None)
    outside = {name for name in graph.modules if graph.is_module_squashed(name)} - sys.stdlib_module_names
    owners = metadata.packages_distributions()
    imported = {canonicalize_name(owner) for name in outside for owner in owners[name]}
    library = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    book = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["book"]}
    assert sorted(imported - library - book) == [], "imported, but only there because something else needs it"
    assert sorted(library - imported) == [], "declared as needed by the library, but imported nowhere"
