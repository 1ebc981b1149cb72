"""What must stay as it is when a test fold is disturbed."""

from collections.abc import Mapping

import pandas as pd

from companion.experiment import Findings

Tables = Mapping[str, pd.DataFrame]


def of_fold(tables: Tables, fold: int) -> dict[str, pd.DataFrame]:
    """Everything that was learned, tuned, chosen or predicted for one test fold."""
    predictions, probes = tables["predictions"], tables["probes"]
    said = predictions[predictions["fold"] == fold].drop(columns=["label", "recording"])
    by_fold = {
        name: table[table["fold"] == fold].reset_index(drop=True)
        for name, table in tables.items()
        if name in ("adaptation_curves", "choices")
    }
    return {
        "predictions": said.reset_index(drop=True),
        "C": probes[["trunk", "row", "column", "probe", f"C, fold {fold}"]],
        **by_fold,
    }


def assert_fold_decided_nothing(found: Findings, disturbed: Findings, fold: int, noise: list[str]) -> None:
    """Labels of a fold were exchanged and some of its sounds replaced: nothing that is said of the fold has moved.

    Where the fold's clips train, on the other hand, they do decide; and noise is heard where it is.
    """
    one, two = (of_fold(findings.tables, fold) for findings in (found, disturbed))
    kept = ~one["predictions"]["clip"].isin(noise)
    for name in one.keys() - {"predictions"}:
        pd.testing.assert_frame_equal(one[name], two[name], check_exact=True, obj=name)
    pd.testing.assert_frame_equal(one["predictions"][kept], two["predictions"][kept], check_exact=True)
    assert not one["predictions"][~kept].equals(two["predictions"][~kept])
    before, after = (findings.tables["predictions"] for findings in (found, disturbed))
    assert (before.iloc[:, 4:] != after.iloc[:, 4:])[before["fold"] != fold].to_numpy().any()
