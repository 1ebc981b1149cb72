"""The one graph: parts → notebooks → facts → book.

`companion build` calls it; by hand: `snakemake --cores 2 --config profile=demo`. Snakemake reruns a step when an input's
content, the set of its inputs, its parameters or its command changed. Modification times alone start nothing: for files
of this size it compares checksums, so that a fresh clone, a checkout or a touch does no harm.

With `--config spread=true` every part of an experiment (a source network, a fold) is a job of its own, which an executor
plugin can send to another machine; the notebooks join what is there.
"""

import os
import shlex
import sys
from pathlib import Path

from companion import code, papers
from companion.book import notebooks, source_code

PROFILE = config.get("profile", "demo")
THREADS = int(config.get("threads", 1))
SPREAD = str(config.get("spread", "")).lower() in ("1", "true", "yes")
PYTHON = shlex.quote(sys.executable)
EXECUTED = f"_build/executed/{PROFILE}"

NOTEBOOKS = notebooks(Path("book"))
PAGES = sorted(
    str(path) for path in Path("book").rglob("*")
    if path.is_file() and path.suffix != ".ipynb" and ".ipynb_checkpoints" not in path.parts
)
DATA = sorted(
    str(path) for folder in ("data/published", "data/recorded") for path in Path(folder).rglob("*") if path.is_file()
)
LOCK = [path for path in ("requirements.lock",) if Path(path).is_file()]
TESTS = sorted(str(path) for path in Path("tests").rglob("*.py"))


def library(wildcards):
    """Modules that a page's code depends on, and those of its experiment."""
    files = code.imported(source_code(Path("book", f"{wildcards.page}.ipynb")))
    return sorted(os.path.relpath(file) for file in files.values())


def before(wildcards):
    """Pages whose networks or runs a page uses; the scorecard reads what all others made."""
    if wildcards.page == "scorecard":
        used = [page for page in NOTEBOOKS if page not in ("scorecard", "intro")]
    else:
        used = papers.after(wildcards.page) if wildcards.page in papers.chapters() else []
    return [f"{EXECUTED}/{page}.ipynb" for page in used]


def parts(wildcards):
    """Receipts of a page's parts, where they are jobs of their own."""
    if not SPREAD or wildcards.page not in papers.chapters():
        return []
    return [receipt(wildcards.page, part) for part in papers.listed_parts(wildcards.page, PROFILE)]


def receipt(page, part):
    return f"_build/parts/{PROFILE}/{page}/{part}.txt"


wildcard_constraints:
    page="|".join(NOTEBOOKS),
    part=r"[^/]+",


rule all:
    input: f"_build/{PROFILE}.book"


rule part:
    message: "make {wildcards.part} of {wildcards.page}"
    input:
        library=lambda w: sorted(os.path.relpath(file) for file in code.closure(papers.module(w.page)).values()),
        before=lambda w: [receipt(w.page, part) for part in papers.parts_before(w.page, PROFILE, w.part)],
    output: f"_build/parts/{PROFILE}/{{page}}/{{part}}.txt"
    params:
        options=lambda wildcards: papers.part_options(wildcards.part),
        profile=PROFILE,
    threads: THREADS
    shell: "{PYTHON} -m companion.cli run {wildcards.page:q} --profile {params.profile:q} {params.options} > {output:q}"


rule notebook:
    message: "execute {wildcards.page}"
    input:
        source="book/{page}.ipynb",
        library=library,
        data=DATA,
        lock=LOCK,
        before=before,
        parts=parts,
        facts=lambda wildcards: ["_build/facts.json"] if wildcards.page in ("scorecard", "intro") else [],
    output: EXECUTED + "/{page}.ipynb"
    log: EXECUTED + "/{page}.run.log"
    params: profile=PROFILE
    threads: THREADS
    shell:
        "{PYTHON} -m companion.cli run {input.source:q} --profile {params.profile:q} --output {output:q}"
        " --threads {threads} --no-progress 2>&1"


rule facts:
    message: "prove published facts"
    input:
        library=sorted(os.path.relpath(file) for file in code.PACKAGE.rglob("*.py")),
        tests=TESTS,
        criteria="data/published/criteria.csv",
    output: "_build/facts.json"
    shell: "{PYTHON} -m companion.cli prove"


rule book:
    message: "render the book"
    input:
        executed=expand(EXECUTED + "/{page}.ipynb", page=NOTEBOOKS),
        pages=PAGES,
        papers="data/published/papers.bib",
        code=[os.path.relpath(code.PACKAGE / name) for name in ("book.py", "profiles.py")],
    output: f"_build/{PROFILE}.book"
    log: "_build/logs/sphinx.log"
    params: profile=PROFILE
    shell:
        "echo 'rendering  _build/html/index.html';"
        " {PYTHON} -m companion.cli render --profile {params.profile:q} > {log:q} 2>&1"
        " && date > {output:q} || {{ cat {log:q}; exit 1; }}"
