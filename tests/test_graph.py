"""The graph on a machine as it is: folders with any name, and a build that is killed."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import nbformat
import pytest

from companion import graph, papers
from companion.book import BookError

ROOT = Path(__file__).parents[1]
ODD = "a b&touch planted;ü'c"
STAND_IN = """
import sys
from pathlib import Path

command, *options = sys.argv[1:]
made = {"prove": "_build/facts.json", "render": "_build/html/index.html"}
target = Path(options[options.index("--output") + 1] if command == "run" else made[command])
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(" | ".join(sys.argv[1:]))
"""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A folder with a space, an ampersand, a letter beyond ASCII and an apostrophe in its name."""
    folder = tmp_path / ODD
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_graph_runs_in_a_folder_of_any_name(odd, monkeypatch):
    shutil.copy2(ROOT / "Snakefile", odd)
    shutil.copytree(ROOT / "src", odd / "src")
    (odd / "src" / "companion" / "cli.py").write_text(STAND_IN)
    for place, text in {
        "book/_toc.yml": "format: jb-book\nroot: intro\nchapters:\n- file: one page\n",
        "book/intro.md": "# A book",
        "book/one page.ipynb": nbformat.writes(nbformat.v4.new_notebook()),
        "data/published/criteria.csv": "",
        "data/published/papers.bib": "",
    }.items():
        (odd / place).parent.mkdir(parents=True, exist_ok=True)
        (odd / place).write_text(text)
    python = odd / "my python"
    python.symlink_to(sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(odd / "src"), sysconfig.get_path("purelib")]))
    monkeypatch.setattr(sys, "executable", str(python))
    page = graph.build(odd, "demo")
    assert page.read_text() == "render | --profile | demo"
    executed = odd / "_build" / "executed" / "demo" / "one page.ipynb"
    assert "run | book/one page.ipynb | --profile | demo | --output" in executed.read_text()
    assert not list(odd.parent.rglob("planted"))


@pytest.mark.parametrize(
    ("target", "said"),
    [("book", "companion build --profile a b;touch planted"), ("test", "pytest -q -n 2 --dist loadfile"),
     ("lab", "jupyter lab book"), ("soak", "pytest -q -m soak"), ("install", "")],
)  # fmt: skip
def test_the_makefile_runs_in_a_folder_of_any_name(odd, target, said):
    shutil.copy2(ROOT / "Makefile", odd)
    (odd / "requirements.lock").touch()
    (odd / "pyproject.toml").touch()
    stand_in = odd / "my python"
    # makes a virtual environment whose every program notes its name and its words
    stand_in.write_text(
        '#!/bin/sh\nprintf "%s %s\\n" "${0##*/}" "$*" >> said\n'
        'case "$*" in *venv*) mkdir -p .venv/bin; for name in python companion ruff mypy lint-imports pytest jupyter;'
        ' do cp "$0" .venv/bin/$name; done;; esac\n'
    )
    stand_in.chmod(0o755)
    command = [
        "make",
        target,
        f"PYTHON={stand_in}",
        "PROFILE=a b;touch planted",
        "TORCH_INDEX=http://x?a&touch planted",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "COMPANION"))}
    done = subprocess.run(command, cwd=odd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    noted = (odd / "said").read_text()
    assert f"{said}\n" in noted
    assert "--index-url http://x?a&touch planted" in noted
    assert not list(odd.parent.rglob("planted"))


def test_a_part_with_a_space_in_its_index_is_one_word():
    assert papers.part_options("scan,class=church bells") == "--part scan --where 'class=church bells'"


def ended(process: int) -> bool:
    """Whether a process is gone, or waits for no more than to be asked about."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition, seconds=60.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_build_leaves_nothing_at_work_and_the_next_one_names_who_is(tmp_path):
    cells = [
        nbformat.v4.new_code_cell("profile = 'demo'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "import os, pathlib, time\npathlib.Path('kernel').write_text(str(os.getpid()) + '.')"
        ),
        nbformat.v4.new_code_cell("time.sleep(100)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    (tmp_path / "Snakefile").write_text(
        "import os, shlex, sys\n"
        "open('snakemake', 'w').write(str(os.getpid()))\n"
        "PYTHON = shlex.quote(sys.executable)\n"
        "rule all:\n    output: 'o.ipynb'\n"
        "    shell: 'echo $$ > step; exec {PYTHON} -m companion.cli run n.ipynb --output {output} --no-progress'\n"
    )
    command = f"from companion import graph; from pathlib import Path; graph.build(Path({str(tmp_path)!r}), 'demo')"
    build = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.DEVNULL)
    try:
        kernel = tmp_path / "kernel"
        wait_for(lambda: kernel.exists() and kernel.read_text().endswith("."))
        with pytest.raises(BookError, match=f"another build is at work in .*: process {build.pid}") as caught:
            graph.build(tmp_path, "demo")
        assert f"kill {build.pid}" in str(caught.value)
        at_work = [int((tmp_path / name).read_text().rstrip(".\n")) for name in ("snakemake", "step", "kernel")]
        assert not any(map(ended, at_work))
    finally:
        build.send_signal(signal.SIGKILL)  # nobody asks how it ended yet: it stays a zombie
    wait_for(lambda: all(map(ended, at_work)), seconds=20)
    build.wait()
    assert not (tmp_path / "o.ipynb").exists()
