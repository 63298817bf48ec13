"""Tables, and the transformations that put a table together from several queries."""

import math

import theme
from canvas import fitting, width_of
from dashboard import NotUnderstood
from frames import Column, configured
from stat_panels import draw_nothing

# A row's height and its letters, in pixels.
ROW = 26
SIZE = 12.5


def transformed(tables, panel):
    """The one table that the panel shows."""
    for step in panel.json.get("transformations", []):
        match step["id"]:
            case "merge":
                tables = [_merged(tables)]
            case "organize":
                tables = [_organized(table, step["options"]) for table in tables]
            case "sortBy":
                tables = [_sorted(table, step["options"]["sort"]) for table in tables]
            case other:
                raise NotUnderstood(f"the transformation {other!r}")
    if len(tables) > 1:
        raise NotUnderstood("several tables in one panel")
    return tables[0] if tables else []


def _merged(tables):
    """One row for each combination of the labels that every table has, as Grafana does it; what a table does not say of it stays empty."""
    rows, order, values = {}, [], []
    names = [{column.name for column in _labels(table)} for table in tables]
    # A table without a row has no labels either.
    common = set.intersection(*(found for found in names if found))
    for table in tables:
        labels = _labels(table)
        value = next(column for column in table if column.name.startswith("Value"))
        values.append(value.name)
        order += [column.name for column in labels if column.name not in order]
        for row in range(len(value.values)):
            key = tuple(sorted((column.name, column.values[row]) for column in labels if column.name in common))
            found = rows.setdefault(key, {})
            found[value.name] = value.values[row]
            found.update((column.name, column.values[row]) for column in labels)
    return [Column(name, [found.get(name) for found in rows.values()]) for name in order + values]


def _labels(table):
    return [column for column in table if not column.name.startswith("Value") and column.name != "Time"]


def _organized(table, options):
    hidden, order = options.get("excludeByName", {}), options.get("indexByName", {})
    kept = [column for column in table if not hidden.get(column.name)]
    kept.sort(key=lambda column: order.get(column.name, len(order)))
    for column in kept:
        column.name = options.get("renameByName", {}).get(column.name) or column.name
    return kept


def _sorted(table, keys):
    """Rows by the first key; nothing comes last."""
    if not keys or not table:
        return table
    by = next((column for column in table if column.name == (keys[0].get("field") or keys[0].get("displayName"))), None)
    if by is None:
        raise NotUnderstood(f"a table sorted by {keys[0]}, which it does not have")

    def rank(row):
        value = by.values[row]
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        return (missing, 0 if missing else -value if keys[0].get("desc") and not isinstance(value, str) else value)

    rows = sorted(range(len(by.values)), key=rank)
    for column in table:
        column.values = [column.values[row] for row in rows]
    return table


def draw_table(canvas, area, panel, tables, now):
    table = transformed(tables, panel)
    if not table or not table[0].values:
        draw_nothing(canvas, area, panel)
        return
    table = [column for column in configured(table, panel) if not column.custom("hidden")]
    table = _sorted(table, panel.json.get("options", {}).get("sortBy") or [])
    x, y, width, height = area
    widths = _widths(table, width, now)
    left, rows = x, min(len(table[0].values), int(height // ROW) - 1)
    for column, room in zip(table, widths, strict=True):
        right = _aligned_right(column)
        canvas.text(
            left + room - 10 if right else left + 8,
            y + ROW / 2,
            column.label,
            SIZE,
            theme.LINK,
            "medium",
            "right" if right else "left",
        )
        for row in range(rows):
            _cell(canvas, (left, y + (row + 1) * ROW, room, ROW), column, column.values[row], now)
        left += room
    for row in range(rows + 1):
        canvas.line([x + 2, x + width - 2], [y + (row + 1) * ROW] * 2, theme.BORDER, 0.8)
    if rows < len(table[0].values):
        more = f"{len(table[0].values) - rows} more"
        canvas.text(x + width - 8, y + height - 6, more, 10.5, theme.FAINT, across="right")


def _widths(table, width, now):
    """Fixed widths as they are; what is left goes to the others by what they have to show."""
    fixed = {column.name: column.custom("width") for column in table if column.custom("width")}
    wanted = {}
    for column in table:
        if column.name not in fixed:
            texts = [column.label, *(column.text(value, now) for value in column.values)]
            wanted[column.name] = max(width_of(text, SIZE) for text in texts) + 24
            if (column.custom("cellOptions") or {}).get("type") == "gauge":
                wanted[column.name] += 160
    share = (width - sum(fixed.values())) / (sum(wanted.values()) or 1)
    return [fixed.get(column.name) or wanted[column.name] * share for column in table]


def _aligned_right(column):
    align = column.custom("align", "auto")
    return align == "right" or (align == "auto" and bool(column.numbers) and not _is_time(column))


def _is_time(column):
    return (column.config.get("unit") or "").startswith("dateTime")


def _cell(canvas, area, column, value, now):
    x, y, width, height = area
    options = column.custom("cellOptions") or {}
    text, kind = column.text(value, now), options.get("type", "auto")
    if kind == "gauge" and isinstance(value, (int, float)):
        _gauge_cell(canvas, area, column, value, text)
        return
    colour = column.colour(value) if kind == "color-text" else theme.TEXT
    if kind == "color-background":
        canvas.box(x, y + 1, width, height - 1, fill=column.colour(value))
        colour = "#ffffff"
    text = fitting(text, width - 16, SIZE)
    if _aligned_right(column):
        canvas.text(x + width - 10, y + height / 2, text, SIZE, colour, across="right")
    else:
        canvas.text(x + 8, y + height / 2, text, SIZE, colour)


def _gauge_cell(canvas, area, column, value, text):
    x, y, width, height = area
    number = max(width_of(column.text(other, 0), SIZE) for other in column.numbers) + 14
    most = column.config.get("max") or max(column.numbers) or 1
    room = width - number - 14
    canvas.box(x + 8, y + 7, room, height - 14, fill=theme.GRID, radius=2)
    length = max(2.5, room * min(1, value / most))
    colour = column.colour(value)
    canvas.box(x + 8, y + 7, length, height - 14, fill=colour, radius=min(2, length / 2), layer=2)
    canvas.text(x + width - 10, y + height / 2, text, SIZE, colour, "medium", across="right")
