"""The picture of a run: four panels, each of which says one thing."""

from collections.abc import Iterator
from itertools import pairwise

import psutil

from benchmarks.jobs import TICK_SECONDS
from benchmarks.overload import FACTOR, Overload
from benchmarks.rates import CLIENTS, CONNECTIONS, Rates
from benchmarks.rounds import Series
from benchmarks.svg import (
    FAINT,
    Place,
    Scale,
    box,
    dot,
    line,
    linear,
    logarithmic,
    path,
    picture,
    round_up,
    text,
)
from benchmarks.targets import HALF_PEAK, best_bare

WIDTH, HEIGHT = 1000, 700
_PAY, _PAY_LIGHT, _READ, _ECHO, _BARE, _REFUSED = "#d9480f", "#ffa94d", "#1971c2", "#ced4da", "#495057", "#a5a5c9"
_PANEL = (440.0, 268.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 530.0, 48.0, 392.0


def draw(rates: Rates) -> str:
    """The whole picture as SVG."""
    results = rates.results
    elements = [
        *_bars((_LEFT, _TOP), results),
        *_curves((_RIGHT, _TOP), results),
        *_ranges((_LEFT, _BOTTOM), results),
    ]
    if rates.overload is not None:
        elements += _overload((_RIGHT, _BOTTOM), rates.overload)
    return picture(WIDTH, HEIGHT, "How fast Shillings is", elements)


def _head(at: Place, title: str, subtitle: str) -> Iterator[str]:
    yield text((at[0], at[1] - 12), title, size=15, weight="600")
    yield text((at[0], at[1] + 6), subtitle, size=11.5, color=FAINT)


def _bars(at: Place, results: dict[str, Series]) -> Iterator[str]:
    """One bar for each kind of request, at 64 clients."""
    yield from _head(
        at, "Requests per second", f"64 clients; {psutil.cpu_count()} processors for everything, the clients included"
    )
    rows = [
        ("HTTP echo: the ceiling", results["echo 64"].rate, _ECHO),
        ("account", results["account direct 64"].rate, _READ),
        ("pay", results["pay direct 64"].rate, _PAY),
        ("pay, through nginx", results["pay nginx 64"].rate, _PAY_LIGHT),
        ("pay, embedded (SQLite)", results["pay embedded 64"].rate, _PAY_LIGHT),
        ("bare MariaDB, at its best", best_bare(results).rate, _BARE),
    ]
    label, height, step = 150.0, 22.0, 37.0
    scale = linear(0, max(rate for _, rate, _ in rows), 0, _PANEL[0] - label - 58)
    for number, (name, rate, color) in enumerate(rows):
        top = at[1] + 32 + number * step
        weight = "600" if name == "pay" else "normal"
        yield text((at[0] + label - 8, top + 15.5), name, anchor="end", weight=weight)
        yield box((at[0] + label, top), scale(rate), height, color)
        yield text((at[0] + label + scale(rate) + 6, top + 15.5), f"{rate:,.0f}", weight=weight)


def _curves(at: Place, results: dict[str, Series]) -> Iterator[str]:
    """Payments by number of clients: one commit for a crowd against one for each."""
    yield from _head(at, "Payments per second, by number of clients", "one commit for a crowd, or one for each payment")
    left, right, top, bottom = at[0] + 40, at[0] + _PANEL[0] - 84, at[1] + 30, at[1] + _PANEL[1] - 24
    curves = [
        ("Shillings", _PAY, [(n, results[f"pay direct {n}"].rate) for n in CLIENTS]),
        ("through nginx", _PAY_LIGHT, [(n, results[f"pay nginx {n}"].rate) for n in (64, 256)]),
        ("bare MariaDB", _BARE, [(n, results[f"bare {n}"].rate) for n in CONNECTIONS]),
    ]
    highest = round_up(max(rate for _, _, points in curves for _, rate in points))
    x, y = logarithmic(1, 256, left, right), linear(0, highest, bottom, top)
    yield from _vertical_axis(y, highest, left, right)
    for clients in (1, 8, 16, 32, 64, 256):
        yield text((x(clients), bottom + 17), str(clients), size=11, color=FAINT, anchor="middle")
    ends = _spread([y(points[-1][1]) for _, _, points in curves])
    for (name, color, points), end in zip(curves, ends, strict=True):
        yield path([(x(clients), y(rate)) for clients, rate in points], color=color, width=2.5)
        for clients, rate in points:
            yield dot((x(clients), y(rate)), color)
        beside = x(points[-1][0]) + 9
        height = end if points[-1][0] == CLIENTS[-1] else y(points[-1][1])
        yield text((beside, height + 4), name, color=color, weight="600")


def _ranges(at: Place, results: dict[str, Series]) -> Iterator[str]:
    """From the median to the 99th percentile, for payments under various loads."""
    yield from _head(at, "How long a payment takes", "from the median (dot) to the 99th percentile (end), milliseconds")
    label, step = 150.0, 33.0
    rows = [
        ("bare MariaDB, 1 connection", results["bare 1"], _BARE),
        *[(f"{n} client{'s' if n > 1 else ''}", results[f"pay direct {n}"], _PAY) for n in CLIENTS],
        ("half the peak, open loop", results[HALF_PEAK], _PAY),
    ]
    spans = [(series.quantile_ms(0.5), series.quantile_ms(0.99)) for _, series, _ in rows]
    low, high = 0.5, max(100.0, round_up(max(end for _, end in spans)))
    left, right = at[0] + label + 8, at[0] + _PANEL[0] - 14
    x, bottom = logarithmic(low, high, left, right), at[1] + 24 + len(rows) * step
    for mark in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if low <= mark <= high:
            yield line((x(mark), at[1] + 22), (x(mark), bottom))
            yield text((x(mark), bottom + 16), f"{mark:g}", size=11, color=FAINT, anchor="middle")
    for number, ((name, _, color), (middle, end)) in enumerate(zip(rows, spans, strict=True)):
        height = at[1] + 40 + number * step
        yield text((at[0] + label, height + 4), name, anchor="end")
        yield line((x(middle), height), (x(end), height), color=color, width=5)
        yield dot((x(middle), height), color, radius=6)
        yield line((x(end), height - 7), (x(end), height + 7), color=color, width=2)


def _overload(at: Place, found: Overload) -> Iterator[str]:
    """What is offered, accepted and refused, over time."""
    yield from _head(
        at, f"{FACTOR} times the load it can take", "requests per second; what is not accepted is refused at once"
    )
    left, right, top, bottom = at[0] + 40, at[0] + _PANEL[0] - 84, at[1] + 30, at[1] + _PANEL[1] - 24
    each = max(1, round(1 / TICK_SECONDS))
    seconds = [found.timeline[start : start + each] for start in range(0, len(found.timeline), each)]
    width = each * TICK_SECONDS

    def rates(field: str) -> list[float]:
        return [sum(getattr(tick, field) for tick in ticks) / (len(ticks) * TICK_SECONDS) for ticks in seconds]

    accepted, refused, others = rates("accepted"), rates("refused"), rates("others")
    offered = [sum(values) for values in zip(accepted, refused, others, strict=True)]
    highest = round_up(max(offered))
    x, y = linear(0, len(seconds) * width, left, right), linear(0, highest, bottom, top)
    yield from _vertical_axis(y, highest, left, right)
    for mark in _marks(len(seconds) * width):
        yield text((x(mark), bottom + 17), f"{mark:g} s", size=11, color=FAINT, anchor="middle")
    busiest = max(range(len(offered)), key=lambda number: offered[number])
    for _, color, values in (
        ("offered", _ECHO, offered),
        ("refused", _REFUSED, refused),
        ("accepted", _PAY, accepted),
    ):
        yield path(_steps(values, width, x, y), color=color, width=2.5)
    middle = len(seconds) // 2
    labels = [("offered", FAINT, offered), ("refused", "#7c7cab", refused), ("accepted", _PAY, accepted)]
    heights = _spread([y(max(values[middle // 2 : middle + 1] or [values[busiest]])) for _, _, values in labels])
    for (name, color, _), height in zip(labels, heights, strict=True):
        yield text((right + 8, height + 4), name, color=color, weight="600")


def _vertical_axis(y: Scale, highest: float, left: float, right: float) -> Iterator[str]:
    for part in range(5):
        value = highest * part / 4
        yield line((left, y(value)), (right, y(value)))
        yield text((left - 7, y(value) + 4), _short(value), size=11, color=FAINT, anchor="end")


def _steps(values: list[float], width: float, x: Scale, y: Scale) -> list[Place]:
    """A line that stays level through each interval."""
    return [
        place
        for number, value in enumerate(values)
        for place in ((x(number * width), y(value)), (x((number + 1) * width), y(value)))
    ]


def _spread(heights: list[float], least: float = 15.0) -> list[float]:
    """The same heights, moved down where two labels would touch."""
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    placed = list(heights)
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + least)
    return placed


def _marks(seconds: float) -> list[float]:
    """Round moments for a time axis."""
    step = next((s for s in (1, 2, 5, 10, 20, 60, 120, 300) if seconds / s <= 6), 600)
    return [float(mark) for mark in range(0, int(seconds) + 1, step)]


def _short(value: float) -> str:
    """A number for an axis.

    >>> _short(2500), _short(20_000), _short(750), _short(0)
    ('2.5k', '20k', '750', '0')
    """
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
