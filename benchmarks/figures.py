"""What was measured, in words: the median of some runs with their quartiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Figure:
    """What some runs gave, in seconds or another unit.

    Example:
        >>> str(Figure((0.012, 0.011, 0.016)))
        '12.0 ms (11.5–14.0)'
        >>> str(Figure((2.5,)))
        '2.50 s'
    """

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Return below what a quarter of the runs is, and below what three quarters are."""
        first, _, third = quantiles(self.values, n=4, method="inclusive") if len(self.values) > 1 else self.values * 3
        return first, third

    def show(self, write: Callable[[float, float], str], unit: str = "") -> str:
        """Return the median, and the quartiles if there are several runs.

        Args:
            write: Writes a value in the unit that suits another.
            unit: What follows each median.
        """
        middle = self.middle
        told = write(middle, middle) + unit
        if len(self.values) == 1:
            return told
        first, third = self.quartiles
        return f"{told} ({write(first, middle).split()[0]}–{write(third, middle).split()[0]})"

    def __str__(self) -> str:
        return self.show(show_seconds)


def show_seconds(seconds: float, like: float | None = None) -> str:
    """Return a length of time in the unit that suits it, or that suits another.

    Example:
        >>> show_seconds(0.00213), show_seconds(0.213), show_seconds(2.134), show_seconds(213.4), show_seconds(0.9, 2)
        ('2.13 ms', '213 ms', '2.13 s', '213 s', '0.90 s')
    """
    size = seconds if like is None else like
    if size >= 1:
        return f"{seconds:,.0f} s" if size >= 100 else f"{seconds:.1f} s" if size >= 10 else f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if size >= 0.1 else f"{seconds * 1000:.1f} ms" if size >= 0.01 else f"{seconds * 1000:.2f} ms"


def show_number(number: float, like: float | None = None) -> str:
    """Return a number as precise as it is worth.

    Example:
        >>> show_number(12345.6), show_number(12.34), show_number(1.234)
        ('12,346', '12.3', '1.23')
    """
    size = abs(number if like is None else like)
    return f"{number:,.0f}" if size >= 100 else f"{number:.1f}" if size >= 10 else f"{number:.2f}"


def to_figure(values: Sequence[float]) -> Figure:
    """Return values as a figure."""
    return Figure(tuple(values))
