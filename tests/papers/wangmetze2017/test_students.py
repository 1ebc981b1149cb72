"""The chapter on SN-F and SN-R: names are the networks that they say, and rows are what was planted."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from companion.datasets.synthetic import SyntheticEvents
from companion.evaluation.influence import mean_score
from companion.evaluation.units import Units
from companion.models.soundnet_variants import SNF, SNR
from companion.papers.wangmetze2017 import students
from companion.papers.wangmetze2017.student_rows import MARGINAL, UNIFORM, checks_to, first_below, share, unheard
from companion.results.criteria import load_criteria
from companion.results.published import load_published
from companion.results.rules import measure
from companion.results.verdict import Reader, published_rows
from companion.store import Value
from papers.wangmetze2017.lessons import FOLDS, OBJECTS, SCENES, clips_of, kept, with_noise


def test_each_name_is_a_network_that_differs_in_what_it_says():
    settings = students.PROFILES["demo"]
    built = {name: students.student(settings, name) for name in (*students.NETWORKS, *students.CHANGES)}
    networks = {name: one.network(OBJECTS, SCENES) for name, one in built.items()}
    assert [type(networks[name]) for name in students.NETWORKS] == [SNF, SNR, SNR]
    assert [networks[name].cell for name in ("SN-R GRU", "SN-R LSTM")] == ["gru", "lstm"]
    for name, (base, change) in students.CHANGES.items():
        apart = {key for key, value in built[name] if value != getattr(built[base], key)}
        assert apart == set(change), name
    norms = [
        sum(isinstance(module, torch.nn.BatchNorm1d) for module in networks[name].modules())
        for name in ("SN-F", "SN-F without batch normalisation")
    ]
    assert norms == [5, 0]
    assert {networks[name].activation for name in students.NETWORKS} == {"tanh"}


def test_the_marginal_is_the_best_constant_on_training_and_uniform_is_the_entropy_that_is_missing():
    _, teacher = clips_of()
    found = unheard(teacher, FOLDS)
    rng = np.random.default_rng(0)
    there = FOLDS == 1
    for _ in range(20):
        constants = [rng.dirichlet(np.ones(size)) for size in (OBJECTS, SCENES)]
        other = sum(
            rel_entr(teacher[name][there].astype(float), one).sum(1)
            for name, one in zip(("objects", "scenes"), constants, strict=True)
        )
        assert found[MARGINAL][there].mean() < other.mean()
    entropy = sum(-(p * np.log(p)).sum(1) for p in (teacher["objects"].astype(float), teacher["scenes"].astype(float)))
    np.testing.assert_allclose(found[UNIFORM], np.log(OBJECTS * SCENES) - entropy, rtol=1e-4)
    disturbed = unheard(with_noise(*clips_of(), 3)[1], FOLDS)
    np.testing.assert_array_equal(disturbed[MARGINAL][FOLDS == 2], found[MARGINAL][FOLDS == 2])


def test_a_level_is_first_reached_on_the_line_between_two_checks():
    curves = np.array([[8.0, 6.0, 5.0, 5.5, 4.0], [8.0, 7.0, 7.0, 7.0, 7.0], [3.0, 5.0, 5.0, 5.0, 5.0]])
    assert first_below(curves, np.array([5.5, 5.5, 5.5])).tolist() == [1.5, 5.0, 0.0]
    assert first_below(curves[:1], np.array([4.0])).tolist() == [4.0]


def test_checks_are_counted_to_half_way_between_the_marginal_and_the_last_of_the_networks():
    """Two networks fall in straight lines from 8 (uniform); the marginal is 6, the slower ends at 4: half way is 5."""
    units = Units([f"r{i}" for i in range(30)])
    fast, slow = np.array([5.0, 2.0, 2.0, 2.0]), np.array([7.0, 6.0, 5.0, 4.0])
    curves = {name: np.repeat(line[None, :, None], 30, 2) for name, line in (("fast", fast), ("slow", slow))}
    found = checks_to(curves, np.full(30, 6.0), np.full(30, 8.0), units)
    assert found["fast"].by_seed == pytest.approx([1.0])
    assert found["slow"].by_seed == pytest.approx([3.0])
    assert np.abs(found["slow"].influence).max() < 1e-9  # clips that are all alike leave no doubt


def test_the_lowest_of_a_curve_is_reached_by_who_rises_again():
    """The slower one comes down to 4 and ends at 5: half way from 6 is 5, which it passes at check 3."""
    units = Units([f"r{i}" for i in range(30)])
    lines = {"fast": [5.0, 2.0, 2.0, 2.0, 2.0], "slow": [7.0, 6.0, 5.0, 4.0, 5.0]}
    curves = {name: np.repeat(np.array(line)[None, :, None], 30, 2) for name, line in lines.items()}
    found = checks_to(curves, np.full(30, 6.0), np.full(30, 8.0), units)
    assert [found["fast"].by_seed, found["slow"].by_seed] == [pytest.approx([1.0]), pytest.approx([3.0])]


def test_the_spread_of_checks_is_that_of_recordings_drawn_again():
    """Curves that differ from clip to clip: the linearised deviation is that of a bootstrap."""
    rng = np.random.default_rng(0)
    n, units = 60, Units([f"r{i}" for i in range(60)])
    falling = {"fast": 4 * 0.7 ** np.arange(1, 9), "slow": 4 * 0.8 ** np.arange(1, 9)}
    own = rng.normal(0, 0.5, n)
    curves = {name: (4 + line[:, None] + own + rng.normal(0, 0.3, (8, n)))[None] for name, line in falling.items()}
    marginal, uniform = 7 + own, 8 + own
    found = checks_to(curves, marginal, uniform, units)
    apart = found["slow"] - found["fast"]
    drawn = []
    for _ in range(400):
        i = rng.integers(0, n, n)
        again = checks_to({name: one[..., i] for name, one in curves.items()}, marginal[i], uniform[i], units)
        drawn.append(float((again["slow"] - again["fast"]).by_seed[0]))
    assert float(np.sqrt(units.variance(apart.influence[0]))) == pytest.approx(np.std(drawn), rel=0.25)


def test_a_share_of_what_is_learned_is_a_ratio_with_its_spread():
    rng = np.random.default_rng(0)
    units, base = Units([f"r{i}" for i in range(80)]), rng.uniform(0.2, 1.2, 80)
    apart, whole = (rng.normal(scale, 0.05, 80) * base for scale in (0.2, 1.0))
    found = share(mean_score(apart, units), mean_score(whole, units))
    assert found.by_seed == pytest.approx([apart.mean() / whole.mean()])
    weights = rng.multinomial(80, np.full(80, 1 / 80), 4000)
    drawn = (weights @ apart) / (weights @ whole)
    assert float(np.sqrt(units.variance(found.influence[0]))) == pytest.approx(drawn.std(), rel=0.1)


@pytest.fixture
def found(monkeypatch):
    """Findings from planted networks, whose divergence on every clip is given by name and seed."""
    made = {"SN-F": 1.0, "SN-R GRU": 0.8, "SN-R LSTM": 0.9, "SN-F without decay": 1.1}
    common = np.random.default_rng(0).uniform(0.0, 0.2, (20, 2))  # the same for all networks
    folds = np.array([1, 1, 1, 2, 3] * 4)
    sounds, teacher = clips_of(n=20)
    sure = {name: np.eye(said.shape[1], dtype=np.float32)[said.argmax(1)] for name, said in teacher.items()}
    lesson = students.Lesson(sounds, kept(Value(sure)), folds)  # constant predictions are far from it

    def planted(task, name, seed):
        own = 0.01 * list(made).index(name) * np.where(np.arange(20) // 5 % 2, 1, -1)  # in every part 0 in the mean
        kl = common + own[:, None] + made[name] / 2 + 0.01 * seed
        far, speed = (1.0, 0.3) if name.startswith("SN-F") else (1.4, 0.8)
        falling = (made[name] + far * speed ** np.arange(4.0))[:, None] * (np.array([1.1, 0.9, 1.2, 0.8]) + own[::5])
        curve = [{"epoch": i + 1, "loss": 3.0 + i, "validation": float(falling[i].mean()), "lr": 0.1} for i in range(4)]
        return kept(Value({"kl": kl, "checks": falling}, {"curve": curve}))

    monkeypatch.setattr(students, "network_of", planted)
    monkeypatch.setattr(students, "lesson_of", lambda task: lesson)

    def compute(variants=("SN-F without decay",), **changed):
        made.update(changed)
        changes = {"variants": variants, "n_seeds": 2, "clips_per_class": 5, "joined": 0}
        task, _ = students.experiment.task("demo", device="cpu", changes=changes)
        done = students.compute(task)
        rows = {(line["item"], line["row"], line["column"]): line for line in done.rows.lines}
        compute.heads = {name: common[folds == n].mean(0) for name, n in (("validation", 2), ("test", 3))}
        return rows, done, {name: common[folds == n].sum(1).mean() for name, n in (("validation", 2), ("test", 3))}

    return compute


def test_a_student_is_asked_for_by_its_own_name_and_seed(monkeypatch):
    lesson = SimpleNamespace(sounds="sounds", teacher="teacher", folds="folds")
    monkeypatch.setattr(students, "lesson_of", lambda task: lesson)
    asked, settings = [], students.PROFILES["esc50"]
    task = SimpleNamespace(keep=lambda *given: asked.append(given), settings=settings, seed=5)
    students.network_of(task, "SN-R GRU", 7)
    assert asked == [(students.train, "sounds", "teacher", "folds", students.student(settings, "SN-R GRU"), 7)]


def test_rows_are_what_was_planted(found):
    rows, done, common = found()
    for split in ("validation", "test"):
        levels = {name: rows["Fig1/text", row, split]["value"] for name, row in students.ROWS.items()}
        assert levels["SN-F"] == pytest.approx(1.0 + 0.01 + common[split])  # the mean of both seeds
        assert levels["SN-F"] - levels["SN-R GRU"] == pytest.approx(0.2)
        lstm = rows["Paired", "SN-R LSTM epoch 300 - SN-R GRU epoch 300", split]
        assert lstm["value"] == pytest.approx(0.1)
        parts = [
            rows["Objects and scenes", "SN-R GRU epoch 300", f"{head}, {split}"]["value"]
            for head in ("objects", "scenes")
        ]
        assert sum(parts) == pytest.approx(levels["SN-R GRU"])
        assert parts[0] - parts[1] == pytest.approx(np.subtract(*found.heads[split]))
        # one seed of the variant is compared with the same seed of SN-F, not with the mean of both
        assert rows["Paired", "SN-F without decay - SN-F (tanh) epoch 175", split]["value"] == pytest.approx(0.1)
        marginal = rows["Predictions that hear nothing", MARGINAL, split]["value"]
        gain = rows["Paired", f"SN-F (tanh) epoch 175 - {MARGINAL}", split]["value"]
        assert gain == pytest.approx(levels["SN-F"] - marginal)
        share = rows[students.SHARES, "SN-F without decay - SN-F (tanh) epoch 175", split]["value"]
        assert share == pytest.approx(0.1 / (marginal - 1.0 - common[split]))
    table = done.tables["kl_curves"]
    assert list(table) == ["seed", "check", "SN-F", "SN-R GRU", "SN-R LSTM"]
    assert len(table) == 2 * 4
    np.testing.assert_allclose(table[table["check"] == 4][["SN-F", "SN-R GRU"]], [[1.027, 0.8 + 1.4 * 0.8**3]] * 2)
    long = done.tables["checks"]
    assert set(long["network"]) == {*students.NETWORKS, "SN-F without decay"}
    assert sorted(set(long["training KL"])) == [3, 4, 5, 6]


def test_every_comparison_of_the_claims_has_its_row_and_interval(found):
    """Planted so that each holds: GRU below LSTM, ReLU as good, no normalisation and no decay worse, SN-F sooner."""
    variants = {"SN-F with ReLU": 1.0, "SN-R GRU with ReLU": 0.8, "SN-F without batch normalisation": 1.2}
    _, done, _ = found(variants=[*students.CHANGES], **variants, **{"SN-R GRU without decay": 0.9})
    frame = done.rows.frame(experiment="", paper="Wang2017", profile="esc50", evidence="restaged", data="")
    reader = Reader(SimpleNamespace(rows=frame, evidence="restaged"), published_rows(load_published()), {})
    for name, count in (("C218", 6), ("X07", 4)):
        claim = load_criteria()[name].claim
        lookup, paired = (partial(way, "Wang2017") for way in (reader.row, reader.paired))
        measured = [measure(comparison, lookup, paired) for comparison in claim]
        assert len(measured) == count
        assert all(one is not None and one.low <= one.value <= one.high for one in measured), name
    assert 0 < measured[0].value < measured[1].value
    shares = {line["row"]: line["value"] for line in done.rows.lines if line["item"] == students.SHARES}
    assert shares["SN-R GRU with ReLU - SN-R GRU epoch 300"] == pytest.approx(0, abs=1e-9)
    assert 0.1 < shares["SN-F without batch normalisation - SN-F (tanh) epoch 175"] < 0.2  # 0.2 of about 1.4 nats
    assert measured[2].value == pytest.approx(0.1)  # without decay, above
    assert measured[3].value == pytest.approx(0.1)  # LSTM, above


def test_clips_of_one_author_are_no_ground_for_an_interval(found, monkeypatch):
    """Whoever recorded all of them says nothing of recordings that others make."""
    everyone = property(lambda corpus: {clip.recording: "one author" for clip in corpus.clips})
    several, _, _ = found()
    monkeypatch.setattr(SyntheticEvents, "author_of", everyone)
    one, _, _ = found()
    for place, line in several.items():
        assert one[place]["value"] == line["value"]
        assert np.isnan(one[place]["ci_low"]), place
        assert np.isfinite(line["ci_low"]) or place[0] != "Fig1/text"


def test_exchanged_networks_exchange_the_sign_of_their_difference(found):
    rows, _, _ = found()
    before = rows["Paired", "SN-R LSTM epoch 300 - SN-R GRU epoch 300", "test"]["value"]
    rows, _, _ = found(**{"SN-R GRU": 0.9, "SN-R LSTM": 0.8})
    assert rows["Paired", "SN-R LSTM epoch 300 - SN-R GRU epoch 300", "test"]["value"] == pytest.approx(-before)


def test_the_first_three_of_five_folds_of_generated_clips_teach():
    task, _ = students.experiment.task("demo", device="cpu", changes={"clips_per_class": 5})
    lesson, clips = students.lesson_of(task), task.inputs["corpus"].clips
    assert {(clip.fold, int(part)) for clip, part in zip(clips, lesson.folds, strict=True)} == {
        (1, 1), (2, 1), (3, 1), (4, 2), (5, 3),
    }  # fmt: skip
    by_part = [{c.recording for c, p in zip(clips, lesson.folds, strict=True) if p == part} for part in (1, 2, 3)]
    assert not by_part[0] & by_part[1] | by_part[1] & by_part[2]


def test_the_teacher_of_generated_clips_is_as_sure_as_it_is_set():
    for sure in (0.6, 0.9):
        task, _ = students.experiment.task("demo", device="cpu", changes={"clips_per_class": 5, "sure": sure})
        scenes = students.lesson_of(task).teacher["scenes"]
        assert float(scenes.max()) == pytest.approx(sure + (1 - sure) / scenes.shape[1])


def test_a_part_is_made_for_every_network_of_a_profile():
    for settings in students.PROFILES.values():
        listed = list(students.experiment.parts["network"].each(settings, 5))
        assert (
            len(listed)
            == len({*map(str, listed)})
            == len(settings.networks) * settings.n_seeds + len(settings.variants) * settings.n_variant_seeds
        )
        assert min(index["seed"] for index in listed) == 5
