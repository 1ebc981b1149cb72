"""Notebooks: refused before anything runs, finished or without output, and the same by plain papermill."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from companion.errors import ParameterError, StoreError
from companion.notebooks import NotebookError, run
from companion.profiles import Parameters

BOOK = Path(__file__).parents[1] / "book"
DEFAULTS = "\n".join(f"{name} = {value!r}" for name, value in Parameters().model_dump().items())


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook with the parameters cell of the book and these cells."""
    code = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(
        cells=[code(DEFAULTS, metadata={"tags": ["parameters"]}), *map(code, cells)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, path)
    return path


def printed(executed: Path) -> str:
    """What the cells of an executed notebook printed."""
    notebook = nbformat.read(executed, as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"sed": 1}, "did you mean 'seed'?"),
        ({"profile": "ecs50"}, "did you mean 'esc50'?"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"device": "gpu"}, "cuda:N"),
        ({"settings": "epochs=3"}, "valid dictionary"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(
    tmp_path: Path, wrong: dict[str, object], named: str
) -> None:
    trace = tmp_path / "ran"
    notebook = write_notebook(tmp_path / "n.ipynb", f"open({str(trace)!r}, 'w')")
    with pytest.raises(ParameterError, match=named.replace("?", r"\?")):
        run(notebook, tmp_path / "out" / "n.ipynb", wrong)
    assert not trace.exists()
    assert not (tmp_path / "out").exists()


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"absent\.ipynb does not exist"):
        run(tmp_path / "absent.ipynb", tmp_path / "out.ipynb", {})


def test_a_finished_notebook_got_its_parameters_this_interpreter_and_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # A kernel of the usual name that cannot start: whoever relies on installed kernels fails here.
    decoy = tmp_path / "jupyter" / "kernels" / "python3"
    decoy.mkdir(parents=True)
    (decoy / "kernel.json").write_text(
        json.dumps({"argv": ["/nowhere/python", "{connection_file}"], "display_name": "decoy", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    notebook = write_notebook(
        tmp_path / "n.ipynb",
        "import os, sys",
        "print(profile, seed, device, settings['source'], sys.executable, os.environ['OMP_NUM_THREADS'], sep='|')",
        "get_ipython().kernel.parent.transport",
    )
    given = {"seed": "3", "device": "cpu", "settings": {"source": {"epochs": 2}}}
    done = run(notebook, tmp_path / "deep" / "n.ipynb", given, threads=3)
    assert printed(done.output).strip().split("|") == ["demo", "3", "cpu", "{'epochs': 2}", sys.executable, "3"]
    transport = nbformat.read(done.output, as_version=4).cells[-1].outputs[0]["data"]["text/plain"]
    assert transport == "'ipc'", "of two kernels that start at once, both may be given the same free port"
    assert sys.executable in done.log.read_text(encoding="utf-8")
    assert sorted(path.name for path in done.output.parent.iterdir()) == ["n.ipynb", "n.run.log"]
    assert "n:" in capfd.readouterr().err, "a progress bar named after the notebook"


def test_a_failed_notebook_leaves_its_log_and_copy_but_no_output(tmp_path: Path) -> None:
    output = tmp_path / "n.ipynb"
    output.write_text("an earlier success")
    notebook = write_notebook(tmp_path / "source.ipynb", "print('so far')", "raise ValueError('no such mel')", "1")
    with pytest.raises(NotebookError, match="raised ValueError: no such mel") as caught:
        run(notebook, output, {}, progress=False)
    kept = [tmp_path / "n.failed.ipynb", tmp_path / "n.run.log"]
    assert not output.exists()
    assert all(str(path) in str(caught.value) and path.is_file() for path in kept)
    assert "so far" in kept[1].read_text(encoding="utf-8")
    assert "no such mel" in kept[1].read_text(encoding="utf-8")
    assert "so far" in printed(kept[0])


def test_a_killed_kernel_is_a_failure(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb", "import os; os._exit(1)")
    with pytest.raises(NotebookError, match="kernel died"):
        run(notebook, tmp_path / "out.ipynb", {}, progress=False)
    assert not (tmp_path / "out.ipynb").exists()


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notebook = write_notebook(tmp_path / "n.ipynb")
    with pytest.raises(StoreError, match="cannot write"):
        run(notebook, tmp_path / "file" / "n.ipynb", {})


def test_plain_papermill_runs_the_same_notebook(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb", "print(profile, seed)")
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(notebook),
        str(tmp_path / "out.ipynb"),
        "-p",
        "seed",
        "7",
    ]
    done = subprocess.run([*command, "--no-progress-bar"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert printed(tmp_path / "out.ipynb").split() == ["demo", "7"]


@pytest.mark.parametrize("path", sorted(BOOK.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_of_the_book_has_the_one_parameters_cell_and_no_outputs(path: Path) -> None:
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    values: dict[str, object] = {}
    exec(tagged[0].source, {}, values)
    assert values == Parameters().model_dump()
    assert not any(cell.outputs or cell.execution_count for cell in code)
