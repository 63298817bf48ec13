"""The real servers that the pictures ask: a Prometheus over the day's blocks, and a Loki that got the records by OTLP."""

import json
import urllib.error
import urllib.parse
import urllib.request

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

    def at(self, query, time):
        return self._ask("query", query=query, time=time)

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


class Loki:
    """The log store, which can be away for a while."""

    def __init__(self, folder):
        self._folder, self._port = folder, free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self.otlp = f"{self._url}/otlp"
        self._program = None
        # JSON is YAML.
        (folder / "loki.yml").write_text(json.dumps(self._settings()))
        self.start()

    def _settings(self):
        day = {"from": "2020-01-01", "store": "tsdb", "object_store": "filesystem", "schema": "v13"}
        folders = ("chunks_directory", "rules_directory")
        ring = {"kvstore": {"store": "inmemory"}, "instance_addr": "127.0.0.1"}
        return {
            "auth_enabled": False,
            "server": {
                "http_listen_address": "127.0.0.1",
                "http_listen_port": self._port,
                "grpc_listen_address": "127.0.0.1",
                "grpc_listen_port": free_port(),
                "log_level": "warn",
            },
            "common": {
                "path_prefix": str(self._folder / "loki"),
                "storage": {"filesystem": {name: str(self._folder / "loki" / name) for name in folders}},
                "replication_factor": 1,
                "ring": ring,
            },
            "schema_config": {"configs": [{**day, "index": {"prefix": "index_", "period": "24h"}}]},
            # The day lies in the past, and by the clock of whoever runs this perhaps in the future.
            "limits_config": {"reject_old_samples": False, "creation_grace_period": "876000h"},
            # Its own parts look for each other every ten seconds otherwise.
            "frontend": {"address": "127.0.0.1", "scheduler_dns_lookup_period": "100ms"},
            "frontend_worker": {"dns_lookup_duration": "100ms"},
            "ingester": {"lifecycler": {"min_ready_duration": "0s"}, "wal": {"enabled": False}},
            "analytics": {"reporting_enabled": False},
        }

    @property
    def runs(self):
        return self._program is not None

    def start(self):
        command = [tool("loki"), f"-config.file={self._folder / 'loki.yml'}"]
        self._program = Program("Loki", command, self._folder / "loki.log").ready(f"{self._url}/ready")

    def end(self):
        if self._program:
            self._program.end()
        self._program = None

    def at(self, query, time):
        return self._ask("query", query=query, time=time)

    def over(self, query, start, end, step):
        return self._ask("query_range", query=query, start=start, end=end, step=step)

    def records(self, query, start, end, limit):
        """The newest records, newest first: their time in seconds, their labels, their line."""
        streams = self._ask("query_range", query=query, start=start, end=end, limit=limit, direction="backward")
        found = [(int(at) / 1e9, stream["stream"], line) for stream in streams for at, line in stream["values"]]
        return sorted(found, key=lambda record: record[0], reverse=True)[:limit]

    def _ask(self, what, **parameters):
        return json.loads(ask(f"{self._url}/loki/api/v1/{what}", **parameters))["data"]["result"]
