"""Asks the real servers what a panel asks: in the panel's own words, and about log records in the same ones in LogsQL."""

import math
import re

import yaml
from dashboard import SCRAPE_SECONDS, NotUnderstood, filled, points_of, seconds
from frames import Column
from processes import ROOT


def _logsql():
    """Each query of log records in a dashboard, and the same question in LogsQL."""
    table = yaml.safe_load((ROOT / "tests/grafana/logsql.yaml").read_text())
    return {entry["logql"]: entry["logsql"] for entry in table}


class Sources:
    """The servers, the time shown, and what the dashboard's variables stand for."""

    def __init__(self, prometheus, logs, span, variables):
        self.servers = {"prometheus": prometheus, "loki": logs}
        self.logsql = _logsql()
        self.span, self.variables, self.asked = span, variables, 0

    def server(self, panel, target):
        """Whom a query is for."""
        source = target.get("datasource") or panel.json.get("datasource") or {}
        if source.get("type") not in self.servers:
            raise NotUnderstood(f"the data source {source}")
        return self.servers[source["type"]]

    def _query(self, panel, target, macros):
        """The query as the server gets it: one in LogQL as it is in LogsQL."""
        query = target["expr"]
        if self.server(panel, target) is self.servers["loki"]:
            if query not in self.logsql:
                raise NotUnderstood(f"what is not in tests/grafana/logsql.yaml: {query}")
            query = self.logsql[query]
        return filled(query, self.variables, macros)

    def columns(self, panel, pixels):
        """The series that the panel's queries gave, and the tables that those in the format `table` gave."""
        tables, series = [], []
        targets = [target for target in panel.json.get("targets", []) if not target.get("hide")]
        for target in targets:
            found, query = self._found(panel, target, pixels)
            if target.get("format") == "table":
                tables.append(_table(target["refId"], found, len(targets) > 1))
            else:
                series += [_series(target, query, labels, points) for labels, points in found]
        return series, tables

    def _found(self, panel, target, pixels):
        """Each series' labels and points, and the query as the server got it."""
        least = target.get("interval") or panel.json.get("interval")
        least = seconds(filled(least, self.variables, {})) if least else SCRAPE_SECONDS
        interval = self.span.interval(points_of(panel, pixels), least)
        instant = bool(target.get("instant")) or target.get("queryType") == "instant"
        query = self._query(panel, target, self.span.macros(interval, least, instant))
        server = self.server(panel, target)
        self.asked += 1
        if instant:
            return [(one["metric"], [one["value"]]) for one in server.at(query, self.span)], query
        if server is self.servers["loki"]:
            raise NotUnderstood("a graph of log records")
        start, end = (moment // interval * interval for moment in (self.span.start, self.span.end))
        return [(one["metric"], one["values"]) for one in server.over(query, start, end, interval)], query

    def records(self, panel, limit):
        """Log records, newest first: time, labels, line."""
        found = []
        for target in panel.json["targets"]:
            query = self._query(panel, target, self.span.macros(60, SCRAPE_SECONDS, False))
            self.asked += 1
            found += self.server(panel, target).records(query, self.span, limit)
        return sorted(found, key=lambda record: record[0], reverse=True)[:limit]

    def annotations(self, dashboard):
        """Moments that every graph marks: their time, and the name of a colour."""
        marks = []
        for annotation in dashboard.get("annotations", {}).get("list", []):
            if not annotation.get("enable") or annotation.get("type") == "dashboard" or "expr" not in annotation:
                continue
            step = seconds(annotation.get("step") or "60s")
            query = filled(annotation["expr"], self.variables, self.span.macros(step, SCRAPE_SECONDS, False))
            self.asked += 1
            for one in self.servers["prometheus"].over(query, self.span.start, self.span.end, step):
                # Points that follow each other are one moment.
                times = [float(at) for at, value in one["values"] if float(value)]
                first = [at for before, at in zip([-math.inf, *times], times, strict=False) if at - before > 2 * step]
                marks += [(at, annotation["iconColor"]) for at in first]
        return marks


def _series(target, query, labels, points):
    times, values = [float(at) for at, _ in points], [float(value) for _, value in points]
    return Column(_name(target, query, labels), values, target["refId"], labels, times)


def _name(target, query, labels):
    legend = target.get("legendFormat")
    if legend and legend != "__auto":
        return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    shown = {name: value for name, value in labels.items() if name != "__name__"}
    if legend == "__auto" and len(shown) == 1:
        return next(iter(shown.values()))
    pairs = ", ".join(f'{name}="{value}"' for name, value in sorted(shown.items()))
    return labels.get("__name__", "") + (f"{{{pairs}}}" if pairs else "") or query


def _table(ref, rows, several):
    """The columns of an instant query: Time, each label, and the value, which bears the query's letter if there are several."""
    names = sorted({name for labels, _ in rows for name in labels if name != "__name__"})
    columns = [Column("Time", [float(points[-1][0]) * 1000 for _, points in rows], ref)]
    columns += [Column(name, [labels.get(name, "") for labels, _ in rows], ref) for name in names]
    value = f"Value #{ref}" if several else "Value"
    columns.append(Column(value, [float(points[-1][1]) for _, points in rows], ref))
    return columns
