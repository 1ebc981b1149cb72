"""What the pages about Table 1, Table 3 and Fig. 2 (bottom) show of several runs at once."""

import pandas as pd

from companion.report import scene_drawings
from companion.report.comparison import sources
from companion.report.display import Shown
from companion.report.drawings import confusion_grid
from companion.report.figures import show
from companion.report.pages import Runs, confusion_tables, stacked
from companion.report.runs import Run
from companion.report.tables import plain_table

EXAMPLES = 3
"""Recordings drawn for each source of numbers."""


def tagging_curves(recorded: Runs, build: Run) -> pd.DataFrame:
    """Learning curves of both networks, every source of numbers by itself."""
    parts = [
        (curves := source.run.table("curves")).assign(
            network=[f"{name}, {source.heading}" for name in curves["network"]]
        )
        for source in sources(recorded, build)
    ]
    return pd.concat(parts, ignore_index=True)


def class_ap(recorded: Runs, build: Run) -> Shown:
    """AP of every class under both networks."""
    shown = []
    for source in sources(recorded, build):
        table = source.run.table("class_ap")
        better = int((table["difference"] > 0).sum())
        sure = int((table["ci_low"] > 0).sum()), int((table["ci_high"] < 0).sum())
        alt = (
            f"AP of {len(table)} classes under both networks, {source.heading}: N_S is higher in {better}. "
            f"Intervals of the difference lie above zero in {sure[0]} classes, below it in {sure[1]}."
        )
        shown.append(show(scene_drawings.class_ap(table), alt=alt, caption=f"{source.heading}: {alt.split(': ')[1]}"))
    return stacked(shown)


def localisation(recorded: Runs, build: Run) -> Shown:
    """Outputs over time beside the true events, for the recordings that the run picked."""
    shown = []
    for source in sources(recorded, build):
        posteriors, events = source.run.table("localisation"), source.run.table("events")
        for clip in list(dict.fromkeys(posteriors["clip"]))[:EXAMPLES]:
            lines, bars = posteriors[posteriors["clip"] == clip], events[events["clip"] == clip]
            heard = ", ".join(f"{e['class']} from {e.onset:.1f} to {e.offset:.1f} s" for _, e in bars.iterrows())
            alt = f"Outputs of both networks over time in {clip}, {source.heading}. True events: {heard}."
            shown.append(show(scene_drawings.localisation(lines, bars), alt=alt, caption=f"{clip}, {source.heading}"))
    return stacked(shown)


def scene_recipes(recorded: Runs) -> Shown:
    """The recipes of the recorded scenes."""
    return stacked(
        [
            plain_table(
                run.table("recipes"), f"Recipes, profile {run.profile}: events with the probability of being heard"
            )
            for run in recorded.values()
            if "recipes" in run.table_names
        ]
    )


def all_confusions(recorded: Runs, build: Run) -> Shown:
    """Confusion matrices of all fourteen cells, small."""
    shown = []
    for source in sources(recorded, build):
        cells = [
            name
            for name in source.run.table("predictions").columns
            if name.startswith("source |") and " LIBLINEAR | run 0" in name
        ]
        grids = {
            " ".join(name.split(" | ")[1:3]): confusion_tables({}, source.run, name)[_heading(source.run)]
            for name in cells
        }
        right = {name: 100 * sum(g.loc[c, c] for c in g.index) / g.to_numpy().sum() for name, g in grids.items()}
        words = ", ".join(f"{name} {share:.0f} %" for name, share in right.items())
        alt = f"Confusion matrices of {len(grids)} representations, {source.heading}. Clips right: {words}."
        shown.append(show(confusion_grid(grids), alt=alt, caption=source.heading))
    return stacked(shown)


def relation_lists(recorded: Runs, build: Run, network: str = "N_T^III", score: str = "count", n: int = 10) -> Shown:
    """The paper's table: the units most often among the five most active, those of the recipe marked."""
    shown = []
    for source in sources(recorded, build):
        table = _relations(source.run, network, score)
        lines = []
        for scene, units in table.groupby("scene", sort=False):
            top = units[units["value"] > 0].sort_values("value", ascending=False, kind="stable").head(n)
            named = [
                f"{unit.event.replace('_', ' ')}{' ✓' if unit.probability > 0 else ''}" for unit in top.itertuples()
            ]
            lines.append({"scene": scene, "most frequent among the five most active": ", ".join(named)})
        shown.append(plain_table(pd.DataFrame(lines), f"{network}, {source.heading}; ✓ the recipe holds the event"))
    return stacked(shown)


def relation_maps(recorded: Runs, build: Run, networks: tuple[str, ...] = ("N_S", "N_T^III")) -> Shown:
    """Scene × event maps of counts, framed where the recipe holds the event."""
    shown = []
    for source in sources(recorded, build):
        for network in networks:
            table = _relations(source.run, network, "share")
            scenes, events = list(dict.fromkeys(table["scene"])), list(dict.fromkeys(table["event"]))
            values, truth = (
                table.pivot(index="scene", columns="event", values=name).loc[scenes, events]
                for name in ("value", "probability")
            )
            heading = f"{network}, {source.heading}"
            framed = truth if truth.notna().to_numpy().all() else None
            drawn = scene_drawings.relation_map(values, framed)
            alt = (
                f"Map of {len(scenes)} scenes by {len(events)} events, {heading}: how often each unit is among the "
                "five most active; framed where the recipe holds the event."
            )
            shown.append(show(drawn, alt=alt, caption=heading))
    return stacked(shown)


def _relations(run: Run, network: str, score: str) -> pd.DataFrame:
    table = run.table("relations")
    kept = table[(table["network"] == network) & (table["score"] == score)]
    return kept if "probability" in kept else kept.assign(probability=float("nan"))


def _heading(run: Run) -> str:
    return sources({}, run)[0].heading
