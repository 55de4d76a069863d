"""A few SVG elements, and scales from values to places."""

import math
from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape

INK = "#212529"
FAINT = "#868e96"
RULE = "#e9ecef"
FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\""

Scale = Callable[[float], float]
Place = tuple[float, float]


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """A scale on which equal differences are equally long."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """A scale on which equal ratios are equally long."""
    plain = linear(math.log(low), math.log(high), start, end)
    return lambda value: plain(math.log(max(low, min(high, value))))


def round_up(value: float) -> float:
    """The next number above that an axis can end with.

    >>> round_up(7_300), round_up(41), round_up(2_000)
    (8000.0, 50.0, 2000.0)
    """
    if value <= 0:
        return 1
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 3, 4, 5, 6, 8, 10) if value <= step * unit)


def text(
    at: Place, words: str, *, size: float = 12, color: str = INK, anchor: str = "start", weight: str = "normal"
) -> str:
    """Words; their base line begins, ends or has its middle at the place."""
    return (
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )


def line(start: Place, end: Place, *, color: str = RULE, width: float = 1, dash: str = "") -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{color}"'
        f' stroke-width="{width}"{dashes}/>'
    )


def path(places: Iterable[Place], *, color: str, width: float = 2, dash: str = "") -> str:
    """A line through places."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"'
        f' stroke-linejoin="round" stroke-linecap="round"{dashes}/>'
    )


def box(at: Place, width: float, height: float, color: str, *, radius: float = 2, border: str = "none") -> str:
    """A rectangle."""
    return (
        f'<rect x="{at[0]:.1f}" y="{at[1]:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" rx="{radius}"'
        f' fill="{color}" stroke="{border}"/>'
    )


def dot(at: Place, color: str, *, radius: float = 3.5) -> str:
    """A filled circle."""
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{color}"/>'


def picture(width: int, height: int, description: str, elements: Iterable[str]) -> str:
    """A whole SVG file, on a ground of its own, so that it is readable on any page."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" {FONT}>\n<title>{escape(description)}</title>\n'
        + box((0.5, 0.5), width - 1, height - 1, "#ffffff", radius=8, border="#dee2e6")
        + "\n"
        + "\n".join(elements)
        + "\n</svg>\n"
    )
