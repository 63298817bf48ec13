"""Values over time: time series, and status histories."""

import math

from matplotlib.ticker import FixedLocator

import theme
from canvas import DPI, fitting, width_of
from dashboard import NotUnderstood
from frames import reduced
from stat_panels import draw_nothing
from units import moment

# A legend's line, and what is around a plot for the axis of time, in pixels.
LINE, BELOW, ABOVE = 17, 20, 6

# Where an axis of time may be labelled, in seconds.
_TIME_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)


def draw_graph(canvas, area, panel, series, now, span, marks):
    """Lines, bars or points, with their legend."""
    if not series:
        _empty_graph(canvas, area, panel, span)
        return
    legend = panel.json.get("options", {}).get("legend", {})
    area, legend_area = _divided(area, legend, series, now)
    right = [column for column in series if column.custom("axisPlacement") == "right"]
    left = [column for column in series if column not in right] or series
    plot = _Plot(canvas, area, span, left, [column for column in right if column not in left], now)
    _marks(plot.left, marks, span)
    below = {}
    for place, column in enumerate(series):
        mode = column.custom("stacking", {}).get("mode", "none")
        if mode == "percent":
            raise NotUnderstood("stacking to a hundred percent")
        _draw_series(
            plot.right if column in right and plot.right else plot.left,
            column,
            place,
            below if mode == "normal" else {},
        )
    if legend_area:
        _legend(canvas, legend_area, legend, series, now)


def _divided(area, legend, series, now):
    """The part for the plot, and that for the legend."""
    x, y, width, height = area
    if not legend.get("showLegend", True):
        return area, None
    if legend.get("placement") == "right" or legend.get("displayMode") == "table":
        raise NotUnderstood("a legend that is not a list at the bottom")
    lines = 1 + max(line for line, *_ in _placed(area, legend, series, now))
    part = min(lines, 3) * LINE
    return (x, y, width, height - part - 4), (x, y + height - part, width, part)


class _Plot:
    """The axes, one on the left and perhaps one on the right, with their labels."""

    def __init__(self, canvas, area, span, left, right, now):
        x, y, width, height = area
        height -= BELOW
        self.ticks = {
            side: _ticks(columns, height - ABOVE) for side, columns in (("left", left), ("right", right)) if columns
        }
        texts = {
            side: _texts(columns[0], self.ticks[side], now)
            for side, columns in (("left", left), ("right", right))
            if columns
        }
        room = {
            side: max(width_of(text, 11) for text in texts[side]) + 12 if side in texts else 10
            for side in ("left", "right")
        }
        place = (x + room["left"], y + ABOVE, width - room["left"] - room["right"], height - ABOVE)
        self.left = self._axes(canvas, place, span, self.ticks["left"])
        self.right = self._axes(canvas, place, span, self.ticks["right"]) if right else None
        for side, edge, across in (("left", place[0] - 6, "right"), ("right", place[0] + place[2] + 6, "left")):
            for tick, text in zip(self.ticks.get(side, ()), texts.get(side, ()), strict=True):
                low, high = self.ticks[side][0], self.ticks[side][-1]
                level = place[1] + place[3] * (1 - (tick - low) / (high - low))
                canvas.text(edge, level, text, 11, theme.FAINT, across=across)
                if side == "left":
                    self.left.axhline(tick, color=theme.GRID, linewidth=0.6, zorder=0)
        for at in _times(span, place[2]):
            self.left.axvline(at, color=theme.GRID, linewidth=0.6, zorder=0)
        _label_times(canvas, span, place[0], place[2], y + height + BELOW / 2)

    @staticmethod
    def _axes(canvas, place, span, ticks):
        axes = canvas.axes(*place)
        axes.set(xlim=(span.start, span.end), ylim=(ticks[0], ticks[-1]))
        axes.xaxis.set_major_locator(FixedLocator([]))
        axes.yaxis.set_major_locator(FixedLocator([]))
        for side in axes.spines.values():
            side.set_visible(False)
        return axes


def _texts(column, ticks, now):
    """What stands at the ticks: with as many decimals as tell them apart."""
    if column.config.get("decimals") is None and column.config.get("unit") == "percentunit":
        decimals = max(0, math.ceil(-math.log10(ticks[1] - ticks[0]) - 2.001))
        return [f"{tick * 100:.{decimals}f}%" for tick in ticks]
    return [column.text(float(tick), now) for tick in ticks]


def _ticks(columns, height):
    """Round values from the axis' least to its greatest, about one every 34 pixels."""
    low, high = _limits(columns)
    config = columns[0].config
    wanted = (high - low) / max(2, int(height // 34))
    unit = config.get("unit") or ""
    if unit == "bytes":
        power = 1024 ** max(0, int(math.log(max(wanted, 1), 1024)))
        step = power * min(
            (size for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if size * power >= wanted), default=1024
        )
    elif unit == "s" and wanted > 1:
        sizes = (2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800)
        step = next((size for size in sizes if size >= wanted), math.ceil(wanted / 86400) * 86400)
    else:
        power = 10 ** math.floor(math.log10(wanted))
        step = power * next(size for size in (1, 2, 2.5, 5, 10) if size * power >= wanted * 0.999)
    # No two labels may read the same.
    if config.get("decimals") is not None:
        step = max(step, 10 ** -(config["decimals"] + (2 if unit == "percentunit" else 0)))
        if config["decimals"] == 0 and unit in ("short", "none", "") and step < 10:
            step = math.ceil(step)
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step + 1e-9) + 1)
    return [tick * step for tick in range(first, last + 1)]


def _limits(columns):
    """The least and the greatest that the axis has to show."""
    sums = {}
    for column in columns:
        if column.custom("stacking", {}).get("mode") == "normal":
            for at, value in zip(column.times, column.values, strict=True):
                if not math.isnan(value):
                    sums[at] = sums.get(at, 0) + value
    numbers = [value for column in columns for value in column.numbers] or [0]
    config = columns[0].config
    high = max([*sums.values(), *numbers]) if config.get("max") is None else config["max"]
    low = min(numbers) if config.get("min") is None else config["min"]
    return low, high if high > low else low + 1


def _times(span, width):
    """Where the axis of time is labelled: full hours or parts of them, not too close to each other or to the edges."""
    length = span.end - span.start
    step = next((step for step in _TIME_STEPS if length / step * 62 <= width), _TIME_STEPS[-1])
    first = math.ceil(span.start / step) * step
    return [
        at for at in range(int(first), int(span.end) + 1, step) if 18 < (at - span.start) / length * width < width - 12
    ]


def _label_times(canvas, span, x, width, middle):
    for at in _times(span, width):
        place = x + width * (at - span.start) / (span.end - span.start)
        canvas.text(place, middle, moment(at, "%H:%M"), 11, theme.FAINT, across="center")


def _draw_series(axes, column, place, below):
    """One series. `below` is how high the stack is so far, and grows."""
    colour, opacity = _colour(column, place), column.custom("fillOpacity", 0) / 100
    step = min((after - at for at, after in zip(column.times, column.times[1:], strict=False)), default=60)
    bottoms = [below.get(at, 0.0) for at in column.times]
    tops = [bottom + value for bottom, value in zip(bottoms, column.values, strict=True)]
    below.update({at: top for at, top in zip(column.times, tops, strict=True) if not math.isnan(top)})
    match column.custom("drawStyle", "line"):
        case "bars":
            shown = [
                (at, low, value) for at, low, value in zip(column.times, bottoms, column.values, strict=True) if value
            ]
            times, lows, values = zip(*shown, strict=True) if shown else ((), (), ())
            # With a gap, where there is room for one.
            wide = step / (axes.get_xlim()[1] - axes.get_xlim()[0]) * axes.bbox.width > 5
            width = step * (0.84 if wide else 1)
            axes.bar(
                times,
                values,
                width,
                lows,
                color=colour,
                linewidth=0,
                alpha=max(opacity, 0.5),
                zorder=3,
                antialiased=wide,
            )
        case "points":
            axes.plot(column.times, tops, ".", color=colour, markersize=3, zorder=3)
        case "line":
            _draw_line(axes, column, (column.times, bottoms, tops), step, colour, opacity)
        case other:
            raise NotUnderstood(f"the style {other!r}")


def _draw_line(axes, column, points, step, colour, opacity):
    """A line, broken where there is no data, and what is under it."""
    thickness = max(column.custom("lineWidth", 1), 1) * 72 / DPI
    dashes = (0, (4, 2.5)) if (column.custom("lineStyle") or {}).get("fill") == "dash" else "-"
    for times, lower, upper in _unbroken(points, math.inf if column.custom("spanNulls") is True else step):
        if len(times) == 1:
            axes.plot(times, upper, ".", color=colour, markersize=3, zorder=3)
            continue
        axes.plot(times, upper, color=colour, linewidth=thickness, linestyle=dashes, zorder=3)
        if opacity:
            axes.fill_between(times, lower, upper, color=colour, alpha=opacity, linewidth=0, zorder=2)


def _unbroken(points, step):
    """The stretches without a gap."""
    part = ([], [], [])
    for point in zip(*points, strict=True):
        missing = math.isnan(point[2])
        if part[0] and (missing or point[0] - part[0][-1] > 1.5 * step):
            yield part
            part = ([], [], [])
        if not missing:
            for values, value in zip(part, point, strict=True):
                values.append(value)
    if part[0]:
        yield part


def _colour(column, place):
    return column.colour(reduced(column.values, "lastNotNull"), place)


def _marks(axes, marks, span):
    """What the dashboard's annotations found: a dashed line, and a triangle at its foot."""
    for at, name in marks:
        if span.start < at < span.end:
            colour, foot = theme.colour(name), axes.get_xaxis_transform()
            axes.axvline(at, color=colour, linewidth=0.8, linestyle=(0, (3, 2)), zorder=4)
            axes.plot([at], [0], marker="^", color=colour, markersize=4, transform=foot, zorder=5, clip_on=False)


def _empty_graph(canvas, area, panel, span):
    x, y, width, height = area
    _label_times(canvas, span, x + 10, width - 20, y + height - BELOW / 2)
    draw_nothing(canvas, (x, y, width, height - BELOW), panel)


_HEADS = {"lastNotNull": "Last", "last": "Last", "max": "Max", "min": "Min", "mean": "Mean", "sum": "Total"}


def _placed(area, legend, series, now):
    """Each entry of the legend: its line, its place, and its text."""
    x, _, width, _ = area
    across, line = x + 6, 0
    for column in series:
        values = "".join(
            f"  {_HEADS[name]}: {column.text(reduced(column.values, name), now)}" for name in legend.get("calcs") or []
        )
        text = fitting(column.label + values, width - 34, 11.5)
        length = 17 + width_of(text, 11.5)
        if across > x + 6 and across + length > x + width - 4:
            across, line = x + 6, line + 1
        yield line, across, text
        across += length + 14


def _legend(canvas, area, legend, series, now):
    _, y, _, height = area
    for place, (line, across, text) in enumerate(_placed(area, legend, series, now)):
        if (line + 1) * LINE <= height:
            middle = y + (line + 0.5) * LINE
            canvas.box(across, middle - 1.5, 12, 3, fill=_colour(series[place], place), radius=1)
            canvas.text(across + 17, middle, text, 11.5)


def draw_states(canvas, area, panel, series, span):
    """A row a series, in which each point is a box in the colour of its value."""
    if not series:
        draw_nothing(canvas, area, panel)
        return
    x, y, width, height = area
    options = panel.json.get("options", {})
    left = min(width * 0.25, max(width_of(column.label, 11.5) for column in series) + 16)
    plot, row = width - left - 10, (height - 22) / len(series)
    times = sorted({at for column in series for at in column.times})
    step = min((after - at for at, after in zip(times, times[1:], strict=False)), default=60)
    box, thick = (
        step / (span.end - span.start) * plot * options.get("colWidth", 0.9),
        row * options.get("rowHeight", 0.9),
    )
    for place, column in enumerate(series):
        middle = y + (place + 0.5) * row
        canvas.text(x + left - 8, middle, fitting(column.label, left - 12, 11.5), 11.5, across="right")
        canvas.line([x + left, x + left + plot], [middle, middle], theme.GRID, 0.6, layer=1)
        for at, value in zip(column.times, column.values, strict=True):
            # A point stands for what lies before it.
            start = x + left + (at - step - span.start) / (span.end - span.start) * plot
            colour = column.colour(value, place)
            if not math.isnan(value) and colour != "none" and start + box > x + left:
                shown = max(start, x + left)
                canvas.box(shown, middle - thick / 2, start + box - shown, thick, fill=colour, layer=2)
    _label_times(canvas, span, x + left, plot, y + height - 9)
