"""What the pages about Table 1, Table 3 and Fig. 2 (bottom) show of several runs at once."""

import pandas as pd

from companion.report import classes
from companion.report.evidence import columns
from companion.report.figures import confusion_grid
from companion.report.page import Page, confusion_tables, stacked
from companion.report.shown import Shown
from companion.report.style import show
from companion.report.tables import plain_table
from companion.results.run import Run

EXAMPLES = 3
"""Recordings drawn for each source of numbers."""


def tagging_curves(page: Page) -> pd.DataFrame:
    """Learning curves of both networks, every source of numbers by itself."""
    parts = [
        (curves := source.run.table("curves")).assign(
            network=[f"{name}, {source.heading}" for name in curves["network"]]
        )
        for source in columns(page.recorded, page.build)
    ]
    return pd.concat(parts, ignore_index=True)


def class_ap(page: Page) -> Shown:
    """AP of every class under both networks."""
    shown = []
    for source in columns(page.recorded, page.build):
        table = source.run.table("class_ap")
        better = int((table["difference"] > 0).sum())
        sure = int((table["ci_low"] > 0).sum()), int((table["ci_high"] < 0).sum())
        alt = (
            f"AP of {len(table)} classes under both networks, {source.heading}: N_S is higher in {better}. "
            f"Intervals of the difference lie above zero in {sure[0]} classes, below it in {sure[1]}."
        )
        drawn = classes.class_ap(table, ("N_S_slat", "N_S"))
        shown.append(show(drawn, alt=alt, caption=f"{source.heading}: {alt.split(': ')[1]}"))
    return stacked(shown)


def localisation(page: Page) -> Shown:
    """Outputs over time beside the true events, for the recordings that the run picked."""
    shown = []
    for source in columns(page.recorded, page.build):
        posteriors, events = source.run.table("localisation"), source.run.table("events")
        for clip in list(dict.fromkeys(posteriors["clip"]))[:EXAMPLES]:
            lines, bars = posteriors[posteriors["clip"] == clip], events[events["clip"] == clip]
            heard = ", ".join(f"{e['class']} from {e.onset:.1f} to {e.offset:.1f} s" for _, e in bars.iterrows())
            alt = f"Outputs of both networks over time in {clip}, {source.heading}. True events: {heard}."
            drawn = classes.localisation(lines, bars, ("N_S", "N_S_slat"))
            shown.append(show(drawn, alt=alt, caption=f"{clip}, {source.heading}"))
    return stacked(shown)


def scene_recipes(page: Page) -> Shown:
    """The recipes of the recorded scenes."""
    return stacked(
        [
            plain_table(
                run.table("recipes"), f"Recipes, profile {run.profile}: events with the probability of being heard"
            )
            for run in page.recorded.values()
            if "recipes" in run.table_names
        ]
    )


def all_confusions(page: Page) -> Shown:
    """Confusion matrices of all fourteen cells, small."""
    shown = []
    for source in columns(page.recorded, page.build):
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


def relation_lists(page: Page, network: str = "N_T^III", score: str = "count", n: int = 10) -> Shown:
    """The paper's table: the units most often among the five most active, those of the recipe marked."""
    shown = []
    for source in columns(page.recorded, page.build):
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


def relation_maps(page: Page, networks: tuple[str, ...] = ("N_S", "N_T^III")) -> Shown:
    """Scene × event maps of counts, framed where the recipe holds the event."""
    shown = []
    for source in columns(page.recorded, page.build):
        for network in networks:
            table = _relations(source.run, network, "share")
            scenes, events = list(dict.fromkeys(table["scene"])), list(dict.fromkeys(table["event"]))
            values, truth = (
                table.pivot(index="scene", columns="event", values=name).loc[scenes, events]
                for name in ("value", "probability")
            )
            heading = f"{network}, {source.heading}"
            framed = truth if truth.notna().to_numpy().all() else None
            drawn = classes.relation_map(values, framed)
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
    return columns({}, run)[0].heading


def neighbours(page: Page) -> Shown:
    """Classes nearest to the vacuum cleaner, of every recorded run that has one."""
    caption = "Classes by the mean rank of their centroid's distance to the vacuum cleaner's, profile {}"
    return stacked(
        [
            plain_table(run.table("class_neighbours"), caption.format(name))
            for name, run in page.recorded.items()
            if "class_neighbours" in run.table_names
        ]
    )


def adaptation_curves(page: Page) -> pd.DataFrame:
    """Learning curves of Methods I to III on the trained trunk, by method and source of numbers."""
    curves = page.joined("adaptation_curves")
    kept = curves[curves["trunk"] == "source"]
    return kept.assign(method="Method " + kept["method"] + ", " + kept["run"])
