"""How cost grows with size, as a picture: both axes are logarithmic, and every line has its name at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from statistics import median

from figures import show_seconds
from results import Size

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 80, 680, 76, 540
"""The picture, and the edges of the field in it."""

LINE = 19
"""Least distance of two names."""


@dataclass(frozen=True)
class Series:
    """A line: its name, colour and a value in seconds at each size that has one."""

    name: str
    colour: str
    value: Callable[[Size], float | None]


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis, from one power of ten to another, laid between two places of the picture."""

    least: float
    most: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value lies."""
        return self.start + (log10(value) - self.least) / (self.most - self.least) * (self.end - self.start)


def _figure(name: str) -> Callable[[Size], float | None]:
    return lambda size: size.figures[name].middle if name in size.figures else None


def _questions(*, about_one: bool) -> Callable[[Size], float | None]:
    def value(size: Size) -> float | None:
        found = size.costs("kg", about_one=about_one)
        return median(found) if found else None

    return value


SERIES = (
    Series("full build", "#7a1f5c", _figure("build full s")),
    Series("load", "#1f4e9c", _figure("load kg s")),
    Series("build after a change", "#b3261e", _figure("build changed s")),
    Series("question about all", "#8a5a00", _questions(about_one=False)),
    Series("question about one", "#00695c", _questions(about_one=True)),
    Series("page of a thing", "#4a4a4a", _figure("page, over HTTP s")),
    Series("subgraph of two hops", "#2e7d32", _figure("subgraph, over HTTP s")),
)
"""What is drawn; the colours are dark enough to be read on white."""


def spread(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Return places moved apart so that no two are nearer than a distance, in the same order and within bounds.

    Example:
        >>> spread([10, 12, 50], 10, 0, 100)
        [10, 20, 50]
        >>> spread([95, 99], 10, 0, 100)
        [90, 100]
    """
    order = sorted(range(len(places)), key=lambda at: places[at])
    moved = list(places)
    for before, at in zip([None, *order], order, strict=False):
        moved[at] = max(moved[at], low if before is None else moved[before] + least)
    limit = high
    for at in reversed(order):
        moved[at] = min(moved[at], limit)
        limit = moved[at] - least
    return moved


def draw(sizes: Sequence[Size]) -> str:
    """Return the picture as SVG."""
    lines = [(series, [(size.quads, value) for size in sizes if (value := series.value(size)) is not None]) for series in SERIES]
    lines = [(series, points) for series, points in lines if points]
    values = [value for _, points in lines for _, value in points]
    across = Scale(*_span(sizes), LEFT + 24, RIGHT - 24)
    up = Scale(floor(log10(min(values))), ceil(log10(max(values))), BOTTOM, TOP)
    ends = [up.place(points[-1][1]) for _, points in lines]
    named = spread(ends, LINE, TOP, BOTTOM)
    parts = [*_frame(sizes, across, up)]
    for (series, points), place in zip(lines, named, strict=True):
        parts += _line(series, [(across.place(quads), up.place(value)) for quads, value in points], points[-1][1], place)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
    head += 'aria-labelledby="title" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">'
    return "\n".join([head, *parts, "</svg>", ""])


def _span(sizes: Sequence[Size]) -> tuple[float, float]:
    """Return the ends of the axis of sizes; a single size stands at its end, by the names."""
    least, most = (log10(bound(size.quads for size in sizes)) for bound in (min, max))
    return (least, most) if least < most else (most - 1, most)


def _text(x: float, y: float, text: str, **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{text}</text>'


def _frame(sizes: Sequence[Size], across: Scale, up: Scale) -> list[str]:
    """Return title, grid and what stands at the axes."""
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 32, "How cost grows with the size of the graph", id="title", font_size="19", font_weight="600", fill="#1a1a1a"),
        _text(LEFT, 54, "Seconds by quads, both logarithmic; the dashed line grows in step with the graph.", fill="#555555"),
    ]
    for power in range(int(up.least), int(up.most) + 1):
        y = up.place(10**power)
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 10, y + 5, _decade(power), text_anchor="end", fill="#555555"))
    for size in sizes:
        x = across.place(size.quads)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 6}" stroke="#777777"/>')
        parts.append(_text(x, BOTTOM + 24, f"{size.quads:,}", text_anchor="middle", fill="#555555"))
    parts.append(_text((LEFT + RIGHT) / 2, BOTTOM + 46, "quads", text_anchor="middle", fill="#555555"))
    return [*parts, _slope(across, up)]


def _slope(across: Scale, up: Scale) -> str:
    """Return a line that grows in step with the graph."""
    powers = min(across.most - across.least, up.most - up.least)
    start, end = across.place(10**across.least), across.place(10 ** (across.least + powers))
    ends = up.place(10**up.least), up.place(10 ** (up.least + powers))
    where = f'x1="{start:.1f}" y1="{ends[0]:.1f}" x2="{end:.1f}" y2="{ends[1]:.1f}"'
    return f'<line {where} stroke="#999999" stroke-dasharray="3 6"/>'


def _decade(power: int) -> str:
    """Return a power of ten in seconds.

    Example:
        >>> _decade(-4), _decade(-3), _decade(0), _decade(3)
        ('0.1 ms', '1 ms', '1 s', '1,000 s')
    """
    if power >= 0:
        return f"{10**power:,} s"
    return f"{10 ** (power + 3):,} ms" if power >= -3 else f"{10.0 ** (power + 3):g} ms"


def _line(series: Series, places: Sequence[tuple[float, float]], last: float, name_at: float) -> list[str]:
    """Return a line with its points, and its name at its end."""
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    parts = [f'<polyline points="{told}" fill="none" stroke="{series.colour}" stroke-width="2.5"/>'] if len(places) > 1 else []
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{series.colour}"/>' for x, y in places]
    leader = f'points="{x + 7:.1f},{y:.1f} {RIGHT + 2},{name_at:.1f}"'
    parts.append(f'<polyline {leader} fill="none" stroke="{series.colour}" stroke-width="1" opacity="0.5"/>')
    parts.append(_text(RIGHT + 8, name_at + 5, f"{series.name}, {show_seconds(last)}", fill=series.colour))
    return parts
