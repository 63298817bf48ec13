"""The panels that show few numbers large: stat and bar gauge."""

import theme
from canvas import fitting, width_of
from dashboard import NotUnderstood
from frames import reduced


def fills(panel):
    """Whether the panel's colour is behind its values, and not in them."""
    return panel.kind == "stat" and panel.json["options"].get("colorMode") == "background"


def shown_values(series, tables, panel):
    """A column and the one value of it that is shown, for each column with numbers."""
    options = panel.json["options"]["reduceOptions"]
    if options.get("values") or options.get("fields"):
        raise NotUnderstood("a stat of rows or of chosen fields")
    columns = series + [column for table in tables for column in table if column.name.startswith("Value")]
    return [(column, reduced(column.values, options["calcs"][0])) for column in columns]


def draw_stat(canvas, area, panel, series, tables, now):
    """A tile a value, side by side or one above the other; gives the colour of one that is alone and fills the panel."""
    options, shown = panel.json["options"], shown_values(series, tables, panel)
    if options.get("graphMode", "none") != "none":
        raise NotUnderstood("a stat with a graph")
    if not shown:
        draw_nothing(canvas, area, panel)
        return None
    x, y, width, height = area
    one_above_other = options.get("orientation") == "horizontal" or (
        options.get("orientation") == "auto" and height > width
    )
    across, down = (width, height / len(shown)) if one_above_other else (width / len(shown), height)
    for place, (column, value) in enumerate(shown):
        part = (x, y + place * down, across, down) if one_above_other else (x + place * across, y, across, down)
        if fills(panel) and len(shown) > 1:
            canvas.box(part[0] + 1, part[1] + 1.5, across - 2, down - 3, fill=column.colour(value, place), radius=3)
        ink = "#ffffff" if fills(panel) else column.colour(value, place)
        named = {"value": False, "value_and_name": True, "auto": len(shown) > 1}
        if options["textMode"] not in named:
            raise NotUnderstood(f"the text mode {options['textMode']!r}")
        _tile(
            canvas, part, column.text(value, now), column.label if named[options["textMode"]] else "", ink, fills(panel)
        )
    return shown[0][0].colour(shown[0][1]) if fills(panel) and len(shown) == 1 else None


def _tile(canvas, area, text, name, ink, filled):
    """A value, as large as there is room for and no larger than reads well; its name above it, or beside it in a flat tile."""
    x, y, width, height = area
    flat = name and height < 46
    room = width / 2 - 12 if flat else width - 16
    size = min(34, height * (0.58 if not name or flat else 0.44), room / width_of(text, 1, "bold") if text else 34)
    if size < 12:
        size, text = 12, fitting(text, room, 12, "bold")
    colour, middle = "#ffffff" if filled else theme.TEXT, y + height / 2
    if flat:
        canvas.text(x + 10, middle, fitting(name, room, 13), 13, colour)
        canvas.text(x + width - 10, middle, text, size, ink, "bold", "right", "center")
        return
    if name:
        canvas.text(x + width / 2, middle - size * 0.62, fitting(name, width - 8, 12), 12, colour, across="center")
        middle += size * 0.36
    canvas.text(x + width / 2, middle, text, size, ink, "bold", "center")


def draw_bars(canvas, area, panel, series, tables, now):
    """A bar a value. Its name is beside it, or above it where names are long and there is room."""
    shown = shown_values(series, tables, panel)
    if not shown:
        draw_nothing(canvas, area, panel)
        return
    x, y, width, height = area
    rows = min(len(shown), int(height // 18))
    row, size = min(height / rows, 40), 12
    longest = max(width_of(column.label, size) for column, _ in shown[:rows]) + 12
    above = longest > width * 0.42 and row >= 34
    names = 4 if above else min(longest, width * 0.42)
    numbers = max(width_of(column.text(value, now), size, "medium") for column, value in shown[:rows]) + 14
    most = max((value for _, value in shown if value is not None), default=0) or 1
    for place, (column, value) in enumerate(shown[:rows]):
        top, colour = y + place * row, column.colour(value, place)
        label = fitting(column.label or panel.title, width - 12 if above else names - 8, size)
        canvas.text(x + 4, top + (9 if above else row / 2), label, size)
        bar_top, thick = (top + 19, row - 24) if above else (top + row * 0.16, row * 0.68)
        room = width - names - numbers
        canvas.box(x + names, bar_top, room, thick, fill=theme.GRID, radius=2)
        length = max(2.5, room * min(1, (value or 0) / most))
        canvas.box(x + names, bar_top, length, thick, fill=colour, radius=min(2, length / 2), layer=2)
        canvas.text(x + width - 6, bar_top + thick / 2, column.text(value, now), size, colour, "medium", "right")
    if rows < len(shown):
        canvas.text(x + width - 6, y + height - 4, f"{len(shown) - rows} more", 10.5, theme.FAINT, across="right")


def draw_nothing(canvas, area, panel):
    """What stands where there is no data."""
    canvas.empty.append(panel.title)
    x, y, width, height = area
    text = panel.json.get("fieldConfig", {}).get("defaults", {}).get("noValue") or "No data"
    size = 22 if panel.kind == "stat" else 13
    canvas.text(x + width / 2, y + height / 2, fitting(text, width - 12, size), size, theme.FAINT, across="center")
