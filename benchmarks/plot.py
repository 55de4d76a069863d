"""The picture of a run: four panels, each of which says one thing."""

from io import BytesIO
from typing import Any, NamedTuple

import matplotlib as mpl
import psutil
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullLocator
from matplotlib.typing import RcKeyType

from benchmarks.overload import FACTOR, Overload
from benchmarks.rates import CLIENTS, CONNECTIONS, Rates
from benchmarks.rounds import Series
from benchmarks.targets import HALF_PEAK, best_bare
from shillings.load.jobs import TICK_SECONDS

_INCHES = (12.0, 8.4)
_PAY, _PAY_LIGHT, _READ, _ECHO, _BARE, _REFUSED = "#d9480f", "#ffa94d", "#1971c2", "#ced4da", "#495057", "#7c7cab"
_FAINT = "#868e96"
_STYLE: dict[RcKeyType, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "system-ui", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 24,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9ecef",
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    # Words stay words, and two pictures of the same figures are the same.
    "svg.fonttype": "none",
    "svg.hashsalt": "shillings",
}


class Line(NamedTuple):
    """One line of a panel, named beside its end."""

    name: str
    color: str
    points: list[tuple[float, float]]


def draw(rates: Rates) -> str:
    """The whole picture as SVG."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout=ConstrainedLayoutEngine(h_pad=0.15, w_pad=0.12))
        FigureCanvasSVG(figure)
        panels = figure.subplots(2, 2)
        _bars(panels[0][0], rates.results)
        _curves(panels[0][1], rates.results)
        _ranges(panels[1][0], rates.results)
        if rates.overload is None:
            panels[1][1].set_axis_off()
        else:
            _overload(panels[1][1], rates.overload)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Title": "How fast Shillings is", "Date": None})
    return file.getvalue().decode()


def _head(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(title)
    axes.annotate(subtitle, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", color=_FAINT)


def _bars(axes: Axes, results: dict[str, Series]) -> None:
    """One bar for each kind of request, at 64 clients."""
    _head(
        axes, "Requests per second", f"64 clients; {psutil.cpu_count()} processors for everything, the clients included"
    )
    rows = [
        ("HTTP echo: the ceiling", results["echo 64"].rate, _ECHO),
        ("account", results["account direct 64"].rate, _READ),
        ("pay", results["pay direct 64"].rate, _PAY),
        ("pay, through nginx", results["pay nginx 64"].rate, _PAY_LIGHT),
        ("pay, embedded (SQLite)", results["pay embedded 64"].rate, _PAY_LIGHT),
        ("bare MariaDB, at its best", best_bare(results).rate, _BARE),
    ]
    names, values, colors = zip(*rows, strict=True)
    bars = axes.barh(range(len(rows)), values, color=colors, height=0.6)
    axes.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=4)
    axes.set_yticks(range(len(rows)), names, color="black")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(values))
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _curves(axes: Axes, results: dict[str, Series]) -> None:
    """Payments by number of clients: one commit for a batch against one for each."""
    _head(axes, "Payments per second, by number of clients", "one commit for a batch, or one for each payment")
    axes.set_xscale("log", base=2)
    lines = [
        Line("Shillings", _PAY, [(n, results[f"pay direct {n}"].rate) for n in CLIENTS]),
        Line("through nginx", _PAY_LIGHT, [(n, results[f"pay nginx {n}"].rate) for n in (64, 256)]),
        Line("bare MariaDB", _BARE, [(n, results[f"bare {n}"].rate) for n in CONNECTIONS]),
    ]
    for line in lines:
        axes.plot(*zip(*line.points, strict=True), color=line.color, linewidth=2.5, marker="o", markersize=5)
    _name_lines(axes, lines)
    axes.set_xticks((1, 8, 16, 32, 64, 256), ("1", "8", "16", "32", "64", "256"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=False, axis="x")
    _from_zero(axes)


def _ranges(axes: Axes, results: dict[str, Series]) -> None:
    """From the median to the 99th percentile, for payments under various loads."""
    _head(axes, "How long a payment takes", "from the median (dot) to the 99th percentile (end), milliseconds")
    rows = [
        ("bare MariaDB, 1 connection", results["bare 1"], _BARE),
        *[(f"{n} client{'s' if n > 1 else ''}", results[f"pay direct {n}"], _PAY) for n in CLIENTS],
        ("half the peak, open loop", results[HALF_PEAK], _PAY),
    ]
    axes.set_xscale("log")
    for number, (_, series, color) in enumerate(rows):
        middle, end = series.quantile_ms(0.5), series.quantile_ms(0.99)
        axes.plot([middle, end], [number, number], color=color, linewidth=4, solid_capstyle="butt")
        axes.plot([middle], [number], color=color, marker="o", markersize=9)
        axes.plot([end], [number], color=color, marker="|", markersize=12, markeredgewidth=2)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], color="black")
    axes.invert_yaxis()
    low, high = axes.get_xlim()
    marks = [mark for mark in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= mark <= high]
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _overload(axes: Axes, found: Overload) -> None:
    """What is offered, accepted and refused, over time."""
    _head(axes, f"{FACTOR} times the load it can take", "requests per second; what is not accepted is refused at once")
    each = max(1, round(1 / TICK_SECONDS))
    seconds = [found.timeline[start : start + each] for start in range(0, len(found.timeline), each)]
    width = each * TICK_SECONDS
    edges = [number * width for number in range(len(seconds) + 1)]

    def rates(*fields: str) -> list[float]:
        return [
            sum(getattr(tick, field) for tick in ticks for field in fields) / (len(ticks) * TICK_SECONDS)
            for ticks in seconds
        ]

    lines = []
    for name, color, values in (
        ("offered", _FAINT, rates("accepted", "refused", "others")),
        ("refused", _REFUSED, rates("refused")),
        ("accepted", _PAY, rates("accepted")),
    ):
        axes.stairs(values, edges, color=color, linewidth=2.5, baseline=None)
        # Named at the height that it has while the overload lasts.
        lines.append(Line(name, color, [(edges[-1], max(values[len(values) // 4 : len(values) // 2 + 1]))]))
    _name_lines(axes, lines)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.grid(visible=False, axis="x")
    _from_zero(axes)


def _name_lines(axes: Axes, lines: list[Line]) -> None:
    """Each line's name beside its end, moved down where two would touch."""
    highest = max(height for line in lines for _, height in line.points)
    taken: list[tuple[float, float]] = []
    for line in sorted(lines, key=lambda line: -line.points[-1][1]):
        at, height = line.points[-1]
        place = min([height, *[other - 0.07 * highest for beside, other in taken if beside == at]])
        taken.append((at, place))
        axes.annotate(
            line.name,
            (at, place),
            (8, 0),
            textcoords="offset points",
            color=line.color,
            weight="bold",
            verticalalignment="center",
            annotation_clip=False,
        )


def _from_zero(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """A number for an axis.

    >>> short(2500), short(20_000), short(750), short(0)
    ('2.5k', '20k', '750', '0')
    """
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
