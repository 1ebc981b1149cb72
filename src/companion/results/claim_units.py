"""What the left side of a claim's comparison is counted in, read off the measures of its rows."""

from collections.abc import Callable

from companion.results.rules import Comparison


def unit(comparison: Comparison, measure_of: Callable[[str], str]) -> str:
    """A measure, a difference or ratio of two, or what a number leaves of one.

    Args:
        comparison: Of a claim.
        measure_of: Measure of a term, as in published.csv: ``accuracy %``, ``KL sum, nats/frame``.

    Example:
        >>> from companion.results.rules import parse_claim
        >>> unit(parse_claim("C058 - C059 > 0")[0], lambda term: "accuracy %")
        'accuracy difference, points'
    """
    measure = measure_of(comparison.terms[0])
    name, comma, counted_in = measure.replace(" %", ", points").partition(", ")
    if comparison.sign == "-" and comparison.first[0].isdigit():
        return f"{comparison.first} - {measure}"
    if comparison.sign == "-":
        return f"{name} difference{comma}{counted_in}"
    return f"ratio of {name}" if comparison.sign else measure
