"""What the page says of the accuracy that it ran again."""

import pandas as pd
import pytest

from companion.papers.wangmetze2017.pages import beside_the_printed


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (71.0, 69.0, 73.0, "3.2 points or 64 clips fewer than the 74.2 % that its authors print, which lies above"),
        (74.7, 72.0, 77.0, "0.5 points or 10 clips more than the 74.2 % that its authors print, which lies inside"),
        (80.2, 78.0, 82.0, "6.0 points or 120 clips more than the 74.2 % that its authors print, which lies below"),
    ],
)
def test_an_accuracy_is_said_beside_the_printed_one_with_its_sign_and_interval(value, low, high, said):
    own = pd.Series({"value": value, "ci_low": low, "ci_high": high, "n_clips": 2000})
    assert said in beside_the_printed(own, 74.2)
