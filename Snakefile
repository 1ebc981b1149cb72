"""The one graph: notebooks → executed copies → staging folder → book.

`companion build` calls it; by hand: `snakemake --cores 2 --config profile=demo`. Snakemake reruns a step when an input's
content, the set of its inputs, its parameters or its command changed. Modification times alone start nothing: for files
of this size it compares checksums, so that a fresh clone, a checkout or a touch does no harm.
"""

import os
import sys
from pathlib import Path

import companion
from companion.book import notebooks

PROFILE = config.get("profile", "demo")
THREADS = int(config.get("threads", 1))
PYTHON = sys.executable
EXECUTED = f"_build/executed/{PROFILE}"
STAGE = f"_build/stage/{PROFILE}"

NOTEBOOKS = notebooks(Path("book"))
PAGES = sorted(
    str(path) for path in Path("book").rglob("*")
    if path.is_file() and path.suffix != ".ipynb" and ".ipynb_checkpoints" not in path.parts
)
PACKAGE = Path(os.path.relpath(Path(companion.__file__).parent))
OUTERMOST = {"cli.py", "doctor.py", "book.py", "graph.py", "notebooks.py"}  # no number depends on them
LIBRARY = sorted(str(path) for path in PACKAGE.rglob("*.py") if path.name not in OUTERMOST)
DATA = sorted(
    str(path) for folder in ("data/published", "data/recorded") for path in Path(folder).rglob("*") if path.is_file()
)
LOCK = [path for path in ("requirements.lock",) if Path(path).is_file()]

# Notebooks that read what another one computed, a run or trained networks.
AFTER = {
    "kumar2018/tsne": ["kumar2018/transfer"],
    "kumar2018/scenes": ["kumar2018/tagging"],
    "kumar2018/relations": ["kumar2018/scenes"],
    "scorecard": [page for page in NOTEBOOKS if page != "scorecard"],
}


wildcard_constraints:
    page="|".join(NOTEBOOKS),


rule all:
    input: "_build/html"


rule notebook:
    message: "execute {wildcards.page}"
    input:
        source="book/{page}.ipynb",
        library=LIBRARY,
        data=DATA,
        lock=LOCK,
        after=lambda wildcards: [f"{EXECUTED}/{page}.ipynb" for page in AFTER.get(wildcards.page, [])],
    output: EXECUTED + "/{page}.ipynb"
    log: EXECUTED + "/{page}.log"
    params: profile=PROFILE
    threads: THREADS
    shell:
        "{PYTHON} -m companion.cli run {input.source} --profile {params.profile} --output {output}"
        " --threads {threads} --no-progress 2>&1"


rule stage:
    message: "gather the pages"
    input:
        executed=expand(EXECUTED + "/{page}.ipynb", page=NOTEBOOKS),
        pages=PAGES,
        papers="data/published/papers.bib",
        code=[str(PACKAGE / "book.py"), str(PACKAGE / "profiles.py")],
    output: directory(STAGE)
    params: profile=PROFILE
    shell:
        "{PYTHON} -m companion.cli stage --profile {params.profile} --output {output}"
        " --bibliography {input.papers} 2>&1"


rule book:
    message: "render the book"
    input: STAGE
    output: directory("_build/html")
    log: "_build/logs/sphinx.log"
    params: profile=PROFILE
    shell:
        "echo 'rendering  {output}/index.html';"
        " {PYTHON} -m companion.cli render --staged {input} --output {output} > {log} 2>&1"
        " || {{ cat {log}; exit 1; }}"
