"""Every listed part of a chapter is made by itself, and together they are all that the chapter trains."""

from collections import Counter

import pytest

from companion import papers
from companion.papers.diment2017 import samples, transfer
from companion.store import key
from papers.diment2017.made_up import N
from papers.diment2017.tiny import TARGET


def asked(task) -> list[tuple[str, str]]:
    """Keys of what was asked of the store, in order; nothing is left of them."""
    found = [(name, key([*arguments])) for name, arguments in task.asked]
    task.asked.clear()
    return found


@pytest.mark.parametrize("module", [transfer, samples])
def test_parts_are_together_all_that_a_chapter_trains(made_up, module):
    """What a chapter asks of the store is what its parts have made, and no part makes what nobody asks for."""
    many = TARGET.model_copy(update={"n_test": N, "n_control": N // 2, "epochs": TARGET.epochs + 1})
    task, made = made_up(module, full=many), {}
    for part, listed in module.experiment.parts.items():
        for index in listed.each(task.settings, task.seed):
            listed.make(task, **index)
            made[part, *index.values()] = asked(task)
    for (part, *_), receipts in made.items():
        before = {
            one for (other, *_), done in made.items() if other in module.experiment.parts[part].after for one in done
        }
        own = [one for one in receipts if one not in before]
        assert len(own) == (1 if part == "source" else task.settings.rotations), "what a part uses is made before it"
    trained = Counter(one for receipts in made.values() for one in set(receipts) if one[0] == "train_target")
    assert max(trained.values()) == 1, "no two parts are the same"
    module.compute(task)
    assert set(asked(task)) == {one for receipts in made.values() for one in receipts}


@pytest.mark.parametrize(
    ("page", "source", "target", "others"),
    [
        ("diment2017/transfer", 2 * 5, 8 * 5 + 3, {"other-source": 5, "other-target": 2 * 5}),
        ("diment2017/samples", 5, 2 * 4 * 3, {}),
    ],
)
def test_parts_are_listed_as_words_that_make_them(page, source, target, others):
    words = papers.listed_parts(page, "esc50")
    assert Counter(word.partition(",")[0] for word in words) == {"source": source, "target": target, **others}
    assert len(set(words)) == len(words)
    assert "target,scheme=c,n_mixtures={},seed=2".format(36 if page.endswith("transfer") else 32) in words
    layers = ("LSTM", "convolution")[: source // 5]
    sources = [f"source,layer={layer},seed={seed}" for layer in layers for seed in range(5)]
    last = [word for word in words if word.startswith("target,")][-1]
    assert papers.parts_before(page, "esc50", last) == sources
    if others:
        voices = [f"other-source,source=voices,seed={seed}" for seed in range(others["other-source"])]
        assert papers.parts_before(page, "esc50", words[-1]) == voices
    assert papers.parts_before(page, "esc50", sources[0]) == []


def test_the_three_pages_answer_the_papers_rows_and_only_the_drawing_has_no_parts():
    assert papers.listed_parts("diment2017/schemes", "esc50") == []
    assert papers.after("diment2017/samples") == ["diment2017/transfer"]
    assert papers.after("diment2017/transfer") == []
