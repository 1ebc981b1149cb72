"""ESC-50's event table comes from the rule and the clips, and names their authors."""

from pathlib import Path

import pytest

from companion.datasets.esc50 import ESC50
from companion.datasets.esc50_events import read_authors, write_event_table
from companion.events import find_events, read_table

TABLE = Path(__file__).parents[2] / "data" / "events" / "esc50.csv"


def test_every_clip_is_cut_and_a_table_without_authors_is_said(make_esc50, tmp_path, caplog):
    corpus = ESC50(make_esc50(tmp_path / "ESC-50"))
    cuts = write_event_table(tmp_path, tmp_path / "events.csv")
    assert [(row.clip, row.recording, row.label, row.fold) for row in cuts] == [
        (clip.id, clip.recording, clip.label, clip.fold) for clip in corpus.clips
    ]
    assert {(row.onset, row.offset) for row in cuts} == {(0, 220_500)}  # a steady tone
    assert read_table(tmp_path / "events.csv") == cuts
    assert "author column stays empty" in caplog.text
    assert {row.author for row in cuts} == {""}


def test_authors(tmp_path):
    assert read_authors(tmp_path / "LICENSE") == {}
    (tmp_path / "LICENSE").write_text(
        "101 - Dog:\n"
        "- [1-12-A.ogg]: clip derived from a [loud] dog (http://x.org/people/A%20B/sounds/12/) by A B [CC0]\n"
        "- [1-34-A.ogg]: clip derived from stand by me.wav (http://x.org/people/c/sounds/34/) by c [CC-BY]\n"
    )
    assert read_authors(tmp_path / "LICENSE") == {"12": "A B", "34": "c"}


def test_kept_table_comes_from_the_rule_and_the_clips(esc50_root):
    """A handful of clips here; the whole table in the soak."""
    corpus = ESC50(esc50_root)
    kept: dict[str, list[tuple[int, int]]] = {}
    for row in read_table(TABLE):
        kept.setdefault(row.clip, []).append((row.onset, row.offset))
    for clip in corpus.clips[::97]:
        assert find_events(corpus.audio(clip).samples, corpus.sample_rate) == kept.get(clip.id, [])


@pytest.mark.soak
def test_one_call_makes_the_kept_table(esc50_root, tmp_path):
    write_event_table(esc50_root, tmp_path / "esc50.csv")
    assert (tmp_path / "esc50.csv").read_bytes() == TABLE.read_bytes()
