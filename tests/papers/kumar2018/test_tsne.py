"""Truths of the map: who may be whose neighbour, and what decides how near the vacuum cleaner's company is."""

from types import SimpleNamespace

import numpy as np
import pytest

from companion.datasets.esc50 import ESC50
from companion.papers.kumar2018 import tagging, tsne
from companion.papers.kumar2018.adaptation import load_target, trunks
from companion.papers.kumar2018.corpora import event_corpus, weak_corpus
from companion.papers.kumar2018.tsne import CLASS, NEAR, company, layout, nearest, neighbours
from companion.results.rows import Rows
from papers.kumar2018 import made_up_cells
from papers.kumar2018.made_up_cells import framed
from papers.kumar2018.tiny import TINY_MAP, tiny_task

OTHERS = tuple(f"other_{number:02d}" for number in range(20))
POINTS = "difference of shares, points"


def placed(target, centres, spread=0.05, seed=0):
    """Clips around the centre of their class."""
    rng = np.random.default_rng(seed)
    return np.array(centres)[target.labels] + spread * rng.normal(size=(len(target.labels), len(centres[0])))


@pytest.fixture(scope="module")
def target():
    """A vacuum cleaner, its claimed company, and twenty others, six clips each."""
    return made_up_cells.target((CLASS, *NEAR, *OTHERS), per_class=6)


def circle(degrees):
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1).tolist()


@pytest.mark.parametrize(("angle", "sign"), [(5.0, -1), (175.0, 1)], ids=["near", "far"])
def test_coordinates_decide_the_sign_of_the_company(target, angle, sign):
    """The claimed classes lie beside the vacuum cleaner or opposite; all others are spread over the circle."""
    others = np.linspace(20, 340, 20)
    x = placed(target, circle([0.0, angle - 1, angle, angle + 1, *others]), 0.01)
    rows = Rows()
    table = company(rows, [x, x], target)
    found = framed(rows).loc[("Class neighbours", "vacuum cleaner")]
    gap = found.loc[("chainsaw, engine, hand saw - tenth nearest class", "cosine distance")]
    assert np.sign(gap["value"]) == sign
    assert np.sign(gap["ci_low"]) == np.sign(gap["ci_high"]) == sign
    rank = found.loc[("mean rank of chainsaw, engine, hand saw", "rank"), "value"]
    assert rank == (2 if sign < 0 else pytest.approx(22, abs=0.4))
    assert "of 23 other classes" in found["note"].iloc[-1] + found["note"].iloc[0]
    words = [name.replace("_", " ") for name in NEAR]
    assert set(words) <= set(table["class"]), "listed wherever they lie"
    assert (table["class"].head(3).isin(words)).all() == (sign < 0)
    assert table["mean rank"].is_monotonic_increasing
    assert CLASS.replace("_", " ") not in set(table["class"])


def test_the_gaps_by_hand(target):
    """Cosine distances of the claimed classes less the tenth smallest of all, centroids less the mean clip."""
    x = placed(target, np.random.default_rng(4).normal(size=(24, 5)).tolist(), 0.3)
    rows = Rows()
    company(rows, [x], target)
    centroids = np.array([x[target.labels == c].mean(0) for c in range(24)]) - x.mean(0)
    unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    distance = 1 - unit[1:] @ unit[0]
    tenth = np.sort(distance)[9]
    found = framed(rows)["value"].loc["Class neighbours", "vacuum cleaner"].droplevel("measure")
    assert found["chainsaw, engine, hand saw - tenth nearest class"] == pytest.approx(distance[:3].mean() - tenth)
    for name, value in zip(NEAR, distance, strict=False):
        assert found[f"{name.replace('_', ' ')} - tenth nearest class"] == pytest.approx(value - tenth)
    # groups of made-up classes go round: the chainsaw is in another than the vacuum cleaner
    groups = [target.dataset.superclass_of[name] for name in (*NEAR, *OTHERS)]
    means = {name: distance[[one == name for one in groups]].mean() for name in set(groups)}
    exterior, domestic = (means[target.dataset.superclass_of[name]] for name in ("chainsaw", CLASS))
    assert found["exterior - other domestic classes"] == pytest.approx(exterior - domestic)
    ranks = distance.argsort().argsort()[:3] + 1
    assert found["mean rank of chainsaw, engine, hand saw"] == pytest.approx(ranks.mean())


def test_no_neighbour_is_of_the_same_recording():
    rng = np.random.default_rng(0)
    recordings = np.repeat([f"r{n}" for n in range(12)], 4)
    x = np.repeat(rng.normal(size=(12, 3)), 4, axis=0) + 1e-3 * rng.normal(size=(48, 3))
    found = neighbours(x, recordings)
    assert (recordings[found] != recordings).all()
    for i in range(48):
        others = np.flatnonzero(recordings != recordings[i])
        assert found[i] == others[np.linalg.norm(x[others] - x[i], axis=1).argmin()]


def beside(target, spaces, statistics):
    rows = Rows()
    known = SimpleNamespace(
        recordings=target.recordings, labels=target.labels, units=target.units, dataset=target.dataset,
        statistics=lambda: statistics,
    )  # fmt: skip
    nearest(rows, spaces, known)
    return framed(rows)["value"].loc["Neighbours"].droplevel("measure")


def test_neighbours_are_of_the_class_or_the_group_where_the_space_says_so(target):
    """A space of classes, one of two groups, and one of nothing; exchanged spaces exchange the sign."""
    rng = np.random.default_rng(1)
    n = len(target.labels)
    by_class = placed(target, np.eye(24).tolist(), 0.01)
    by_group = np.stack([50.0 * (target.labels % 2), *rng.normal(size=(3, n))], axis=1)
    nothing = rng.normal(size=(n, 4))
    right = beside(target, [by_class, by_group], nothing)
    assert right["N_S F1 max", "same group"] == pytest.approx(100)
    alone = [beside(target, [x], nothing)["N_S F1 max", "same class"] for x in (by_class, by_group)]
    assert alone[0] == pytest.approx(100)
    assert alone[1] < 30
    assert right["N_S F1 max", "same class"] == pytest.approx(np.mean(alone)), "the mean over networks"
    assert right["log-mel statistics", "same class"] < 20
    for column in ("same class", "same group"):
        gain = right["N_S F1 max - log-mel statistics", column]
        assert gain == pytest.approx(right["N_S F1 max", column] - right["log-mel statistics", column])
        standardised = (nothing - nothing.mean(0)) / nothing.std(0)
        turned = beside(target, [standardised], by_class)["N_S F1 max - log-mel statistics", column]
        assert turned == pytest.approx(-beside(target, [by_class], nothing)["N_S F1 max - log-mel statistics", column])


def test_statistics_are_standardised_before_they_are_compared(target):
    """A band a thousand times as wide as that which tells the classes hides nothing."""
    rng = np.random.default_rng(2)
    told = np.column_stack([placed(target, np.eye(24).tolist(), 0.01), 1e5 * rng.normal(size=len(target.labels))])
    assert beside(target, [told], told)["log-mel statistics", "same class"] > 60
    assert beside(target, [told], told)["N_S F1 max", "same class"] < 20


def test_the_picture_holds_every_clip_with_its_own_place_and_names(target, monkeypatch):
    coordinates = np.arange(2.0 * len(target.labels)).reshape(-1, 2)
    asked = []

    def project(x, seed):
        asked.append((x, seed))
        return SimpleNamespace(coordinates=coordinates, trustworthiness=0.75)

    monkeypatch.setattr(tsne, "project", project)
    rows = Rows()
    table = layout(rows, "a space", target, 9, "Fig2 top-left")
    assert asked == [("a space", 9)]
    for i, clip in enumerate(target.dataset.clips):
        group = target.dataset.superclass_of[clip.label]
        assert table.iloc[i].tolist() == [clip.id, clip.recording, clip.label, group, 2.0 * i, 2.0 * i + 1]
    line = framed(rows).loc[("Fig2 top-left", "t-SNE, N_S F1 max", "trustworthiness", "share, 0 to 1")]
    assert (line["value"], line["n_clips"]) == (0.75, len(target.labels))


def test_the_chapter_looks_at_f1_max_of_every_network(shared, events_world, monkeypatch):
    asked = {}
    monkeypatch.setattr(tsne, "nearest", lambda rows, spaces, target: asked.update(spaces=spaces))
    monkeypatch.setattr(tsne, "layout", lambda rows, x, target, seed, item: asked.update(x=x, item=item))
    task = tiny_task(tsne.experiment, TINY_MAP, target=events_world)
    found = tsne.compute(task)
    sources = tagging.source_networks(task)
    target = load_target(events_world)
    assert len(asked["spaces"]) == len(sources) == 2
    for source, space in zip(sources, asked["spaces"], strict=True):
        outputs = trunks(source, target, "cpu")
        bn, conv = source.network.f1.bn, source.network.f1.conv
        one = (conv(outputs[0][None]) - bn.running_mean[:, None, None]) / (bn.running_var + bn.eps).sqrt()[
            :, None, None
        ]
        f1 = (one * bn.weight[:, None, None] + bn.bias[:, None, None]).relu()[0, :, :, 0]
        np.testing.assert_allclose(space[0], f1.amax(1).detach(), rtol=1e-3, atol=1e-4)
    assert (asked["x"], asked["item"]) == (pytest.approx(asked["spaces"][0]), "Fig2 top-left")
    assert list(found.seeds) == [0, 1]
    assert "class_neighbours" not in found.tables, "without a vacuum cleaner"


def test_clips_held_out_share_no_author_with_what_networks_learned_from(esc50_root):
    data = esc50_root.parent
    settings = tagging.PROFILES["esc50"].weak.model_copy(update={"n_train": 60, "n_validation": 40, "n_test": 40})
    source = weak_corpus(settings, 0, data)
    held = event_corpus("held out", 0, data, 0, 5.0)
    author_of = ESC50(data).author_of
    heard = [name for clip in source.clips if clip.fold in (1, 2) for name in clip.recording.split("+")]
    authors = {author_of[clip.recording] for clip in held.clips}
    assert not authors & {author_of[name] for name in heard}
    assert len(held.clips) > 300
    assert {CLASS, *NEAR} <= {clip.label for clip in held.clips}
    tested = {name for clip in source.clips if clip.fold == 3 for name in clip.recording.split("+")}
    assert tested & {clip.recording for clip in held.clips}, "what is held out is what tests are made of"
