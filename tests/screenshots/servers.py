"""The real servers that the pictures ask: a Prometheus over the day's blocks, and a VictoriaLogs that got the records by OTLP."""

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime

from processes import Program, free_port, tool


class QueryFailed(Exception):
    """A server's own words about a query."""


def ask(url, **parameters):
    """What a server answers to a query; a refusal is a QueryFailed with its words."""
    try:
        with urllib.request.urlopen(url, urllib.parse.urlencode(parameters).encode(), timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as refusal:
        words = refusal.read().decode(errors="replace").strip()
        raise QueryFailed(words or str(refusal)) from refusal


class Prometheus:
    """Serves a data directory; it scrapes nothing."""

    def __init__(self, folder, data, rules):
        port = free_port()
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps({"rule_files": [str(file) for file in rules]}))
        command = [
            tool("prometheus3"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self._url = f"http://127.0.0.1:{port}"
        self._program = Program("Prometheus", command, folder / "prometheus.log").ready(f"{self._url}/-/ready")

    def at(self, query, span):
        return self._ask("query", query=query, time=span.end)

    def over(self, query, start, end, step):
        return self._ask("query_range", query=query, start=start, end=end, step=step)

    def label_values(self, label, series, start, end):
        url = f"{self._url}/api/v1/label/{label}/values"
        query = urllib.parse.urlencode({"match[]": series, "start": start, "end": end})
        with urllib.request.urlopen(f"{url}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]

    def alerting_rules(self):
        """The rules that it has read; what it makes of them at this moment, long after the day, is of no interest."""
        with urllib.request.urlopen(f"{self._url}/api/v1/rules?type=alert", timeout=60) as answer:
            groups = json.load(answer)["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _ask(self, what, **parameters):
        answer = json.loads(ask(f"{self._url}/api/v1/{what}", **parameters))
        if answer.get("warnings"):
            raise QueryFailed("; ".join(answer["warnings"]))
        return answer["data"]["result"]

    def end(self):
        self._program.end()


class VictoriaLogs:
    """The log store, which can be away for a while. It is asked in LogsQL."""

    def __init__(self, folder):
        self._folder, self._port = folder, free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self.otlp = f"{self._url}/insert/opentelemetry"
        self._program = None
        self.start()

    @property
    def runs(self):
        return self._program is not None

    def start(self):
        command = [
            tool("victoria-logs"),
            f"-httpListenAddr=127.0.0.1:{self._port}",
            f"-storageDataPath={self._folder / 'victorialogs'}",
            # The day lies in the past, and by the clock of whoever runs this perhaps in the future.
            "-retentionPeriod=100y",
            "-futureRetention=100y",
        ]
        log = self._folder / "victorialogs.log"
        self._program = Program("VictoriaLogs", command, log).ready(f"{self._url}/health")

    def end(self):
        if self._program:
            self._program.end()
        self._program = None

    def flush(self):
        """Shows what it has been sent in the last second, too."""
        ask(f"{self._url}/internal/force_flush")

    def at(self, query, span):
        """What many records add up to, as Prometheus would answer it."""
        rows = self._rows(query, span)
        return [{"metric": row, "value": (span.end, row.pop("hits"))} for row in rows]

    def records(self, query, span, limit):
        """The newest records, newest first: their time in seconds, their labels, their line."""
        rows = self._rows(f"{query} | sort by (_time desc) limit {limit}", span)
        return [(_seconds(row["_time"]), row, row["_msg"]) for row in rows]

    def _rows(self, query, span):
        """Each row's fields, with the names that Loki gives them."""
        lines = ask(f"{self._url}/select/logsql/query", query=query, start=span.start, end=span.end).splitlines()
        rows = [json.loads(line) for line in lines]
        return [{name.replace(".", "_"): value for name, value in row.items()} for row in rows]


def _seconds(time):
    return datetime.fromisoformat(time).timestamp()
