"""The papers' symbols as they are printed: N_T^III with its index and exponent."""

import re

from companion.report.shown import escape

_NETWORK = re.compile(r"\bN_([A-Z])(?:\^([IVX]+)|_(slat))?(?![A-Za-z0-9])")


def as_html(name: str) -> str:
    """Name for a page.

    Example:
        >>> as_html("N_T^III F1 max")
        '<i>N</i><sub>T</sub><sup>III</sup> F1 max'
    """
    return _NETWORK.sub(
        lambda found: (
            f"<i>N</i><sub>{found[1]}</sub>" + (f"<sup>{found[2] or found[3]}</sup>" if found.lastindex != 1 else "")
        ),
        escape(name),
    )


def as_mathtext(name: str) -> str:
    """Name for a figure.

    Example:
        >>> as_mathtext("N_T^III F1 max")
        '$N_T^{III}$ F1 max'
    """

    def symbol(found: re.Match[str]) -> str:
        above = found[2] or (f"\\mathrm{{{found[3]}}}" if found[3] else "")
        return f"$N_{found[1]}^{{{above}}}$" if above else f"$N_{found[1]}$"

    return _NETWORK.sub(symbol, name.replace("$", r"\$"))
