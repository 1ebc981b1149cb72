"""Counts of a tiny copy of AudioSet's lists, by hand."""

import pytest

from companion.papers.kumar2018 import lists
from papers.kumar2018.made_up_cells import framed

CLASSES = 'index,mid,display_name\n0,/m/a,"Speech"\n1,/m/b,"Dog"\n2,/m/c,"Rain"\n'
TRAIN = """# Segment csvs created Sun Mar 5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=5
# YTID, start_seconds, end_seconds, positive_labels
aaaaaaaaaaa, 0.000, 10.000, "/m/a,/m/b"
bbbbbbbbbbb, 5.000, 15.000, "/m/a"
ccccccccccc, 0.000, 8.000, "/m/a,/m/c"
"""
EVALUATION = """# Segment csvs created Sun Mar 5 10:54:31 2017
# num_ytids=2, num_segs=2, num_unique_labels=1, num_positive_labels=2
# YTID, start_seconds, end_seconds, positive_labels
ddddddddddd, 0.000, 10.000, "/m/b"
eeeeeeeeeee, 0.000, 10.000, "/m/b"
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data" / "AudioSet"
    root.mkdir(parents=True)
    for name, text in (
        ("class_labels_indices.csv", CLASSES),
        ("balanced_train_segments.csv", TRAIN),
        ("eval_segments.csv", EVALUATION),
    ):
        (root / name).write_text(text, encoding="utf-8")
    return root


def computed(folder):
    task, _ = lists.experiment.task("paper", data=str(folder.parent))
    return lists.compute(task), task.inputs["lists"].fingerprint()


def test_counts_of_a_tiny_list_by_hand(folder):
    found, _ = computed(folder)
    rows = framed(found.rows)["value"].loc["AudioSet lists"].droplevel("measure").unstack()
    assert rows["balanced train"].to_dict() == {
        "segments": 3, "classes": 3, "labels in all": 5, "labels per segment": pytest.approx(5 / 3),
        "clips of the rarest class": 1, "clips of the median class": 1, "clips of the commonest class": 3,
    }  # fmt: skip
    assert rows["eval"].to_dict() == {
        "segments": 2, "classes": 3, "labels in all": 2, "labels per segment": 1,
        "clips of the rarest class": 0, "clips of the median class": 0, "clips of the commonest class": 2,
    }  # fmt: skip
    table = found.tables["label_distribution"].set_index("class")
    assert table["balanced train"].to_dict() == {"Speech": 3, "Dog": 1, "Rain": 1}
    assert table["eval"].to_dict() == {"Speech": 0, "Dog": 2, "Rain": 0}
    assert found.data == "AudioSet lists: 3 balanced training and 2 evaluation segments"
    assert found.n_recordings == 5
    assert found.rows.frame(data="x")["n_clips"].unique().tolist() == [3, 2]


def test_every_file_that_is_counted_decides_the_digest(folder):
    _, before = computed(folder)
    digests = {before}
    for name, old, new in (
        ("class_labels_indices.csv", "Rain", "Snow"),
        ("balanced_train_segments.csv", "ccccccccccc", "ccccccccccd"),
        ("eval_segments.csv", "eeeeeeeeeee", "eeeeeeeeeed"),
    ):
        file = folder / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        digests.add(computed(folder)[1])
    assert len(digests) == 4
