"""Scales on which a bounded statistic errs alike to both sides: the logarithm, and the log-odds between two bounds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from companion.errors import DataError

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-np.inf, np.inf)
EDGE = 1e-12


@dataclass(frozen=True)
class Scale:
    """From values between bounds to the whole line and back.

    With two bounds these are log-odds of where between them the value lies (for −1 to 1 twice Fisher's z), with one
    the logarithm of the distance from it, with none the value itself.

    Args:
        bounds: Least and greatest possible value.

    >>> scale = Scale((0.0, 1.0))
    >>> scale.forward(0.5), round(scale.back(scale.forward(0.9)), 3)
    (0.0, 0.9)
    """

    bounds: Bounds

    def check(self, values: ArrayLike) -> None:
        """Refuse values out of bounds, such as per cent for shares."""
        values = np.asarray(values, dtype=np.float64)
        if not ((values >= self.bounds[0]) & (values <= self.bounds[1])).all():
            raise DataError(
                f"scores from {values.min():g} to {values.max():g}",
                expected=f"from {self.bounds[0]:g} to {self.bounds[1]:g}, or other bounds",
            )

    def forward(self, value: float) -> float:
        """From between the bounds to the whole line."""
        below, above = self._room(value)
        if np.isinf(below) and np.isinf(above):
            return value
        return float((0.0 if np.isinf(below) else np.log(below)) - (0.0 if np.isinf(above) else np.log(above)))

    def slope(self, value: float) -> float:
        """Derivative of `forward`."""
        below, above = self._room(value)
        return float(1 / below + 1 / above) or 1.0

    def back(self, place: float) -> float:
        """From the whole line to between the bounds."""
        low, high = self.bounds
        if np.isinf(low) and np.isinf(high):
            return place
        if np.isinf(high):
            return float(low + np.exp(place))
        if np.isinf(low):
            return float(high - np.exp(-place))
        return float(low + (high - low) * expit(place))

    def _room(self, value: float) -> tuple[float, float]:
        """Distances to both bounds; next to nothing, not nothing, where the value lies on one."""
        return max(EDGE, value - self.bounds[0]), max(EDGE, self.bounds[1] - value)
