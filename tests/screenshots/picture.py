"""A dashboard as a picture: its panels in Grafana's grid, drawn from what the servers answered."""

import hashlib
import json

import alerts
import graph
import stat_panels
import table
import text_panels
import theme
from canvas import Canvas, fitting, width_of
from dashboard import NotUnderstood, filled, placed
from frames import configured
from servers import QueryFailed
from units import UnknownUnit, moment

# Grafana's grid: 24 columns, and rows of a fixed height, with a gap between panels.
WIDTH, MARGIN, GAP, ROW = 1280, 14, 7, 31
HEAD, FOOT, TITLE = 58, 30, 30

CAPTION = (
    "Drawn by `make screenshots` from the dashboard's queries, asked of a real Prometheus and, in LogsQL, of a real VictoriaLogs. "
    "Grafana renders its own look."
)


class PanelFailed(Exception):
    """Which panel of which dashboard could not be drawn, and why."""


def fingerprint(dashboard):
    """What of a dashboard is in its picture, as a short text: if it changes, the picture has to be drawn anew."""

    def essence(panel):
        keys = (
            "type",
            "title",
            "gridPos",
            "targets",
            "fieldConfig",
            "options",
            "transformations",
            "interval",
            "maxDataPoints",
        )
        return {**{key: panel.get(key) for key in keys}, "panels": [essence(one) for one in panel.get("panels", [])]}

    parts = [
        dashboard["title"],
        dashboard["templating"],
        dashboard.get("annotations"),
        [essence(one) for one in dashboard["panels"]],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


class Picture:
    """One dashboard, its sources, and the page."""

    def __init__(self, dashboard, sources):
        self.dashboard, self.sources, self.span = dashboard, sources, sources.span
        self.panels = placed(dashboard)
        rows = max(panel.y + panel.height for panel in self.panels)
        self.canvas = Canvas(WIDTH, HEAD + rows * ROW + FOOT)
        self.marks = []

    def draw(self):
        """Asks and draws everything."""
        self._head()
        self.marks = self._of("annotations", lambda: self.sources.annotations(self.dashboard))
        for panel in self.panels:
            self._of(panel.title or panel.kind, lambda panel=panel: self._panel(panel))
        self.canvas.text(WIDTH / 2, self.canvas.height - FOOT / 2 + 2, CAPTION, 11.5, theme.FAINT, across="center")

    def _of(self, what, act):
        try:
            return act()
        except (QueryFailed, NotUnderstood, UnknownUnit, theme.UnknownColour) as failure:
            raise PanelFailed(f"{self.dashboard['uid']}: {what}: {failure}") from failure

    def _head(self):
        """The title, the variables, and the time shown."""
        self.canvas.text(MARGIN + 2, 19, self.dashboard["title"], 19, "#ffffff", "bold")
        span = f"{moment(self.span.start, '%Y-%m-%d %H:%M')} to {moment(self.span.end, '%Y-%m-%d %H:%M')} UTC"
        width = width_of(span, 12) + 20
        self.canvas.box(WIDTH - MARGIN - width, 7, width, 24, fill=theme.PANEL, edge=theme.BORDER, radius=3)
        self.canvas.text(WIDTH - MARGIN - 10, 19, span, 12, across="right")
        x = MARGIN
        for variable in self.dashboard["templating"]["list"]:
            if variable["type"] == "datasource" or variable.get("hide"):
                continue
            label, value = variable.get("label") or variable["name"], self._shown(variable)
            label_width, value_width = width_of(label, 11.5) + 14, width_of(value, 11.5) + 14
            self.canvas.box(x, 34, label_width + value_width, 20, fill=theme.PANEL, edge=theme.BORDER, radius=3)
            self.canvas.text(x + 7, 44, label, 11.5, theme.FAINT)
            self.canvas.text(x + label_width + 4, 44, value, 11.5)
            x += label_width + value_width + 6

    def _shown(self, variable):
        value = self.sources.variables.values[variable["name"]]
        if isinstance(value, str):
            return "All" if variable.get("includeAll") else value or "–"
        return fitting(" + ".join(value), 300, 11.5)

    def _panel(self, panel):
        column = (WIDTH - 2 * MARGIN + GAP) / 24
        x, y = MARGIN + panel.x * column, HEAD + panel.y * ROW
        width, height = panel.width * column - GAP, panel.height * ROW - GAP
        if panel.kind == "row":
            self.canvas.text(x + 4, y + height / 2 + 2, "▾", 12, theme.FAINT, "mono")
            self.canvas.text(x + 20, y + height / 2 + 2, panel.title, 14, theme.TEXT, "medium")
            return
        title = self._text(panel.title)
        top = TITLE if title else 6
        fill = self._content(panel, (x + 3, y + top, width - 6, height - top - 5)) or theme.PANEL
        self.canvas.box(x, y, width, height, fill=fill, edge=theme.BORDER, radius=3, line=0.8, layer=0)
        ink = theme.TEXT if fill == theme.PANEL else "#ffffff"
        self.canvas.text(x + 9, y + TITLE / 2 + 1, fitting(title, width - 16, 13, "medium"), 13, ink, "medium")

    def _content(self, panel, area):
        """Each kind of panel by the function that draws it; gives the colour of the whole panel, if its content decides that."""
        now, canvas = self.span.end, self.canvas
        match panel.kind:
            case "logs":
                text_panels.draw_logs(canvas, area, panel, self.sources.records(panel, 100))
                return None
            case "alertlist":
                text_panels.draw_alerts(
                    canvas, area, panel, alerts.active(self.sources.servers["prometheus"], panel, now), now
                )
                return None
        series, tables = self.sources.columns(panel, area[2])
        for columns in (series, *tables):
            configured(columns, panel)
        match panel.kind:
            case "stat":
                return stat_panels.draw_stat(canvas, area, panel, series, tables, now)
            case "bargauge":
                stat_panels.draw_bars(canvas, area, panel, series, tables, now)
            case "timeseries":
                graph.draw_graph(canvas, area, panel, series, now, self.span, self.marks)
            case "status-history":
                graph.draw_states(canvas, area, panel, series, self.span)
            case "table":
                table.draw_table(canvas, area, panel, tables, now)
            case other:
                raise NotUnderstood(f"a panel of the type {other!r}")
        return None

    def _text(self, text):
        return filled(text, self.sources.variables, {})

    def save(self, path):
        self.canvas.save(
            path,
            {
                "Title": self.dashboard["title"],
                "Software": "make screenshots",
                "Dashboard": fingerprint(self.dashboard),
            },
        )
