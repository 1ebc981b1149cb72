"""The tables of the synthetic world name all that it holds."""

from companion.datasets.synthetic import CLASSES, SCENES
from companion.datasets.synthetic.tables import class_table, scene_table


def test_tables_name_every_class_and_scene():
    classes, scenes = class_table(), scene_table()
    assert tuple(classes["class"]) == CLASSES
    assert (classes["task"] == "target").sum() == 10
    assert tuple(scenes["scene"]) == tuple(scene.name for scene in SCENES)
