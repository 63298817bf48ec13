"""The panels that are read: log lines and alerts."""

import theme
from canvas import fitting, width_of, wrapped
from stat_panels import draw_nothing
from units import lasting, moment

LINE = 17
SIZE = 11

LEVELS = {"error": "red", "critical": "purple", "warning": "yellow", "warn": "yellow", "info": "green", "debug": "blue"}


SEVERITIES = {"critical": "red", "warning": "orange", "info": "blue"}


def draw_logs(canvas, area, panel, records):
    """The newest lines: time, a bar in the colour of the level, the line."""
    x, y, width, height = area
    if not records:
        draw_nothing(canvas, area, panel)
        return
    stamp = "%Y-%m-%d %H:%M:%S"
    left = width_of(moment(0, stamp), SIZE, "mono") + 24 if panel.json.get("options", {}).get("showTime") else 14
    top = y
    for at, labels, line in records:
        level = labels.get("severity_text", "")
        line = " ".join(line.split())
        lines = wrapped(line, width - left - 14, SIZE, "mono")[:2]
        if top + len(lines) * LINE > y + height:
            break
        canvas.box(x + 6, top + 2, 3, len(lines) * LINE - 4, fill=theme.colour(LEVELS.get(level.lower(), "gray")))
        if left > 14:
            canvas.text(x + 16, top + LINE / 2, moment(at, stamp), SIZE, theme.FAINT, "mono")
        for place, text in enumerate(lines):
            canvas.text(
                x + left,
                top + (place + 0.5) * LINE,
                fitting(text, width - left - 10, SIZE, "mono"),
                SIZE,
                theme.TEXT,
                "mono",
            )
        top += len(lines) * LINE + 2


def draw_alerts(canvas, area, panel, alerts, now):
    """What fires and what is pending: state, name, since when, and its summary."""
    x, y, width, height = area
    if not alerts:
        canvas.empty.append(panel.title)
        canvas.text(x + width / 2, y + height / 2, "No alerts matching filters", 13, theme.FAINT, across="center")
        return
    top = y
    for alert in alerts:
        if top + 44 > y + height:
            rest = len(alerts) - alerts.index(alert)
            canvas.text(x + width - 8, y + height - 6, f"{rest} more", 10.5, theme.FAINT, across="right")
            break
        colour = theme.colour(SEVERITIES.get(alert.severity, "gray"))
        canvas.box(x + 4, top + 3, 3, 36, fill=colour)
        state = f"{alert.severity}, {alert.state} for {lasting(now - alert.since)}"
        canvas.text(
            x + 16,
            top + 13,
            fitting(alert.name, width - width_of(state, 11) - 34, 12.5, "medium"),
            12.5,
            theme.TEXT,
            "medium",
        )
        canvas.text(x + width - 8, top + 13, state, 11, colour, across="right")
        canvas.text(x + 16, top + 31, fitting(alert.summary, width - 24, 11), 11, theme.FAINT)
        top += 46
