"""The book's one style of figures, and how a figure is shown: an image with a text that says what it shows.

Figures stand on opaque white on light and dark pages alike, so that every colour keeps the contrast it was
chosen for. The colours are Okabe and Ito's; five of them keep 3:1 on white and stay apart for colour-blind
readers. Groups also differ in shape, and curves in dashes, so that no figure depends on colour alone.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import cycle, islice
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from companion.errors import ParameterError
from companion.report.shown import Shown, data_uri, escape, scrolling

BLUE, VERMILION, GREEN, PURPLE, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, BLACK)
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

SUPERCLASS_COLOURS = {
    "Animals": BLUE,
    "Natural soundscapes & water sounds": GREEN,
    "Human, non-speech sounds": PURPLE,
    "Interior/domestic sounds": BLACK,
    "Exterior/urban noises": VERMILION,
}
"""Colours of ESC-50's five groups."""

_DPI = 160
_STYLE: Any = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.facecolor": "white",
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "text.color": "#222222",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
}

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def style() -> Iterator[None]:
    """The book's style for one block."""
    with mpl.rc_context(_STYLE):
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw in the book's style whatever the settings around."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return draw(*args, **kwargs)

    return inside


def axes_grid(rows: int, columns: int, width: float, height: float, **kwargs: Any) -> tuple[Figure, list[Axes]]:
    """A figure outside pyplot, so that a notebook shows it once, with its axes in reading order.

    Args:
        rows: Rows of axes.
        columns: Columns of axes.
        width: Of the figure, inches.
        height: Of the figure, inches.
        **kwargs: For ``Figure.subplots``.
    """
    figure = Figure(figsize=(width, height))
    return figure, list(figure.subplots(rows, columns, squeeze=False, **kwargs).flat)


def group_style(groups: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each group: ESC-50's groups keep theirs, others take the palette in order.

    Raises:
        ParameterError: More groups than can be told apart.
    """
    names = list(dict.fromkeys(groups))
    if set(names) <= set(SUPERCLASS_COLOURS):
        names = [name for name in SUPERCLASS_COLOURS if name in names]
        return {name: (SUPERCLASS_COLOURS[name], MARKERS[list(SUPERCLASS_COLOURS).index(name)]) for name in names}
    if len(names) > len(PALETTE):
        raise ParameterError(f"{len(names)} groups cannot be told apart", expected=f"at most {len(PALETTE)}")
    return dict(zip(names, zip(PALETTE, MARKERS, strict=True), strict=False))


def curve_styles(count: int) -> list[dict[str, Any]]:
    """Colour and dashes for each of several curves; dashes change when the colours come round again."""
    n = len(PALETTE)
    return [
        {"color": colour, "linestyle": DASHES[(index + index // n) % len(DASHES)]}
        for index, colour in enumerate(islice(cycle(PALETTE), count))
    ]


def show(figure: Figure, alt: str, caption: str = "", width: int = 0) -> Shown:
    """Show a figure with a text alternative; on a narrow screen it scrolls before its text gets small.

    Args:
        figure: Drawn already; left as it is.
        alt: What the figure shows, in a sentence or two that stand for it.
        caption: Below the figure.
        width: Of the image on the page, in pixels; 0 for 100 to an inch.

    Raises:
        ParameterError: No text alternative.
    """
    if not alt.strip():
        raise ParameterError("a figure needs a text alternative", expected="alt='what the figure shows'")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    width = width or round(figure.get_size_inches()[0] * 100)
    size = f"max-width:{width}px;min-width:min({width}px,34em)"
    source = data_uri(buffer.getvalue(), "image/png")
    image = f'<img class="dark-light" alt="{escape(alt)}" style="{size}" src="{source}">'
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    content = scrolling(image, caption or "figure")
    return Shown(f"<figure>{content}{below}</figure>", f"Figure: {alt}" + (f"\n\n{caption}" if caption else ""))
