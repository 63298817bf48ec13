"""What a Prometheus would have stored: every scraped page with the time of its scrape, made into a data directory by promtool."""

import subprocess
from collections import defaultdict

from processes import Failed, tool

JOB, INSTANCE = "twilio-debugger-exporter", "twilio-debugger-exporter-0:9979"

# Prometheus' own: a block holds two hours.
BLOCK_SECONDS = 7200


class History:
    """Pages as OpenMetrics text, by the block that they will be in."""

    def __init__(self):
        self._blocks = defaultdict(list)
        self._labelled = {}
        self.scrapes = 0

    def scraped(self, at, page, duration):
        lines = self._blocks[at // BLOCK_SECONDS]
        samples = [line for line in page.splitlines() if line and not line.startswith("#")]
        for line in samples:
            series, _, value = line.rpartition(" ")
            lines.append(f"{self._with_target(series)} {value} {at}\n")
        self._own(at, up=1, scrape_duration_seconds=duration, scrape_samples_scraped=len(samples))
        self._own(at, scrape_samples_post_metric_relabeling=len(samples))

    def down(self, at):
        """A scrape that found nobody."""
        self._own(at, up=0, scrape_duration_seconds=0.001, scrape_samples_scraped=0)

    def _own(self, at, **series):
        """What Prometheus itself writes about a scrape."""
        self.scrapes += "up" in series
        for name, value in series.items():
            self._blocks[at // BLOCK_SECONDS].append(f"{self._with_target(name)} {value} {at}\n")

    def _with_target(self, series):
        """The series with the labels of its target."""
        if series not in self._labelled:
            name, brace, labels = series.partition("{")
            others = "," + labels if brace else "}"
            self._labelled[series] = f'{name}{{job="{JOB}",instance="{INSTANCE}"{others}'
        return self._labelled[series]

    def write(self, folder):
        """Makes the blocks; gives the data directory."""
        data, text = folder / "prometheus", folder / "block.txt"
        data.mkdir()
        for lines in self._blocks.values():
            with text.open("w") as file:
                file.writelines(lines)
                file.write("# EOF\n")
            made = subprocess.run(
                [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "-q", text, data],
                capture_output=True,
                text=True,
            )
            if made.returncode:
                raise Failed(f"promtool refuses the pages that were scraped: {made.stderr.strip()}")
        text.unlink()
        return data
