"""A Grafana dashboard as it lies in its file: its panels in their places, its variables, and the text of a query.

Grafana puts values into a query before a server sees it: variables, and macros such as `$__rate_interval`. Here the same is done,
by the rules of Grafana's documentation; what is not known is refused.

Source: <https://grafana.com/docs/grafana/latest/dashboards/variables/>
"""

import json
import math
import re
from dataclasses import dataclass, field

# What the Prometheus data source is told about scrapes; the feed scrapes as often.
SCRAPE_SECONDS = 30

# The steps that Grafana rounds an interval to, in seconds: the next one from its middle on.
_ROUND = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400]


class NotUnderstood(Exception):
    """Something in a dashboard that this program cannot draw as Grafana would."""


@dataclass
class Panel:
    """A panel in its place: columns of 24, rows of a fixed height."""

    json: dict
    x: int
    y: int
    width: int
    height: int

    @property
    def title(self):
        return self.json.get("title", "")

    @property
    def kind(self):
        return self.json["type"]


@dataclass
class Variables:
    """What `$name` stands for: a list of values, or the text of "All"."""

    values: dict = field(default_factory=dict)

    def text(self, name, form):
        value = self.values[name]
        if isinstance(value, str):
            return value
        match form:
            case "raw" | "text" | "queryparam":
                return ",".join(value)
            case "pipe":
                return "|".join(value)
            case "doublequote":
                return ",".join(f'"{one}"' for one in value)
            case "csv":
                return ",".join(value)
            case "" | "regex":
                escaped = [re.sub(r"([\\^$*+?.()|{}\[\]/])", r"\\\\\1", one) for one in value]
                return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        raise NotUnderstood(f"the format {form!r} of the variable {name}")


def read(path):
    return json.loads(path.read_text())


def placed(dashboard):
    """The panels from top to bottom, those of folded rows unfolded."""
    found, pushed = [], 0
    for panel in sorted(dashboard["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"])):
        found.append(_place(panel, pushed))
        inner = panel.get("panels") or []
        if panel["type"] == "row" and panel.get("collapsed") and inner:
            top = min(one["gridPos"]["y"] for one in inner)
            below = panel["gridPos"]["y"] + panel["gridPos"]["h"]
            found += [_place(one, pushed + below - top) for one in inner]
            pushed += max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in inner) - top
    return found


def _place(panel, pushed):
    place = panel["gridPos"]
    return Panel(panel, place["x"], place["y"] + pushed, place["w"], place["h"])


def seconds(text):
    """`30s`, `5m`, `1h`, `1d` in seconds."""
    found = re.fullmatch(r">?=?(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text.strip())
    if not found:
        raise NotUnderstood(f"the duration {text!r}")
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[found[2]]


def duration(length):
    """Seconds as Prometheus writes them."""
    return f"{round(length)}s" if length >= 1 else f"{round(length * 1000)}ms"


def rounded(length):
    """The step next to `length`."""
    for step, following in zip(_ROUND, _ROUND[1:], strict=False):
        if length < (step + following) / 2:
            return step
    return _ROUND[-1]


@dataclass
class Span:
    """The time that a dashboard shows, in seconds since the epoch, and what its queries are told about it."""

    start: float
    end: float

    def interval(self, points, least):
        """How far apart the points of a graph are that has room for so many."""
        return max(rounded((self.end - self.start) / max(points, 1)), least)

    def macros(self, interval, scrape, instant):
        """Every macro by its name. `$__auto` is all of the time for one answer, and a step for many."""
        length = self.end - self.start
        rate = max(interval + scrape, 4 * scrape)
        return {
            "__range": duration(length),
            "__range_s": str(round(length)),
            "__range_ms": str(round(length * 1000)),
            "__interval": duration(interval),
            "__interval_ms": str(round(interval * 1000)),
            "__rate_interval": duration(rate),
            "__auto": duration(length if instant else interval),
            "__from": str(round(self.start * 1000)),
            "__to": str(round(self.end * 1000)),
        }


def filled(text, variables, macros):
    """The text with every `$name`, `${name}` and `${name:format}` replaced."""

    def value(found):
        name, form = found["plain"] or found["braced"], found["form"] or ""
        if name in macros:
            return macros[name]
        if name not in variables.values:
            raise NotUnderstood(f"the variable {found[0]}")
        return variables.text(name, form)

    # `$1` is a group of label_replace's pattern, and none of ours.
    return re.sub(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?::(?P<form>[^}]*))?\})", value, text)


def choose(dashboard, chosen, prometheus, span):
    """The value of each variable: the one that was `chosen`, else Grafana's choice: its current value, "All", or the first."""
    variables = Variables()
    for variable in dashboard["templating"]["list"]:
        name, kind = variable["name"], variable["type"]
        current = (variable.get("current") or {}).get("value")
        if name in chosen:
            variables.values[name] = [chosen[name]]
        elif kind == "datasource":
            variables.values[name] = [name]
        elif kind in ("textbox", "constant"):
            variables.values[name] = str(current if current not in (None, []) else variable.get("query", ""))
        elif variable.get("includeAll") and current in (None, "", [], "$__all", ["$__all"]):
            variables.values[name] = variable.get("allValue") or _options(variable, variables, prometheus, span)
        elif current:
            variables.values[name] = [current] if isinstance(current, str) else list(current)
        else:
            variables.values[name] = _options(variable, variables, prometheus, span)[:1]
        if variables.values[name] == []:
            raise NotUnderstood(f"the variable {name}, which has no value")
    return variables


def _options(variable, variables, prometheus, span):
    """What a person could choose."""
    if variable["type"] == "custom":
        return [option.split(" : ")[-1].strip() for option in variable["query"].split(",")]
    query = variable["query"]
    query = query["query"] if isinstance(query, dict) else query
    query = filled(query, variables, span.macros(60, SCRAPE_SECONDS, False))
    found = re.fullmatch(r"label_values\((?P<series>.+),\s*(?P<label>\w+)\)", query.strip())
    if variable["type"] != "query" or not found:
        raise NotUnderstood(f"the variable {variable['name']} with the query {query!r}")
    values = prometheus.label_values(found["label"], found["series"], span.start, span.end)
    pattern = (variable.get("regex") or "").strip("/")
    return [value for value in values if not pattern or re.search(pattern, value)]


def points_of(panel, pixels):
    """How many points a panel's graph asks for."""
    return panel.json.get("maxDataPoints") or math.floor(pixels)
