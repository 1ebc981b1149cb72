"""A parameter that was misspelt is refused by the notebook itself, whatever runs it: papermill alone only warns."""

from pathlib import Path

import nbformat
import pytest

from companion.errors import ParameterError
from companion.experiment import Experiment
from companion.profiles import Parameters
from companion.report.page import parameters_of

BOOK = Path(__file__).parents[1] / "book"


def cells(notebook):
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("wrong", ["sed = 3", "Sed = 3", "Seed = 3", "SEED = 3", "settngs = {}", "sed = None"])
@pytest.mark.parametrize("notebook", sorted(BOOK.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_the_setup_line_refuses_an_unknown_name(notebook, wrong, monkeypatch):
    monkeypatch.setattr(Experiment, "task", None)  # nothing is computed, even if the name passes
    parameters, setup = cells(notebook)[:2]
    names: dict[str, object] = {"In": [], "Out": {}, "_": "", "exit": exit}  # as Jupyter has them
    exec(parameters.source, names)
    exec(wrong, names)  # as papermill puts it in
    with pytest.raises(ParameterError, match=f"unknown parameter '{wrong.split()[0]}'"):
        exec(setup.source, names)


def test_what_is_no_parameter_is_passed_over():
    names = {**Parameters().model_dump(), "In": [], "Out": {}, "_": 1, "CLASSES": (), "Path": Path, "exit": exit}
    assert parameters_of(names) == Parameters().model_dump()
