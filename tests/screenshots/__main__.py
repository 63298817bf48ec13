"""Draws the dashboards: `python3 tests/screenshots --help`.

Feeds a real Prometheus and a real VictoriaLogs with a day of plausible events through the real exporter, asks them what the dashboards'
panels ask, and draws the answers to PNG in the dashboards' own layout.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from dashboard import NotUnderstood, Span, choose, read
from day import Day
from feed import Feed
from picture import PanelFailed, Picture, fingerprint
from processes import ROOT, Failed
from queries import Sources
from servers import Prometheus, VictoriaLogs

# What is shown: how many hours, and which values of variables.
SHOWN = {
    "twilio-debugger-overview": (24, {}),
    "twilio-debugger-code": (6, {"error_code": "11200"}),
    "twilio-debugger-exporter": (24, {}),
}

# A week and a day: "a week ago" is in it.
HOURS = 8 * 24


def arguments():
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument(
        "--binary", type=Path, default=ROOT / "target/debug/twilio-debugger-exporter", help="the exporter"
    )
    parser.add_argument("--dashboards", type=Path, default=ROOT / "grafana/dashboards", help="where the dashboards lie")
    parser.add_argument("--rules", type=Path, default=ROOT / "grafana/prometheus", help="where the alert rules lie")
    parser.add_argument("--out", type=Path, default=ROOT / "grafana/screenshots", help="where the pictures go")
    parser.add_argument(
        "--hours", type=int, default=HOURS, help="how much is fed: 24 for the day alone (default: %(default)s)"
    )
    parser.add_argument("--only", help="the uid of the one dashboard to draw")
    parser.add_argument(
        "--check", action="store_true", help="draw nothing; say which pictures do not show the dashboards as they are"
    )
    return parser.parse_args()


def dashboards(folder, only):
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    found = [dashboard for dashboard in found if only in (None, dashboard["uid"])]
    if not found:
        raise Failed(f"there is no dashboard {only or ''} in {folder}")
    return found


def check(options):
    """Holds each picture against the dashboard that it was drawn from."""
    stale = []
    for dashboard in dashboards(options.dashboards, options.only):
        path = options.out / f"{dashboard['uid']}.png"
        if not path.exists():
            stale.append(f"{path.name} is missing")
            continue
        with Image.open(path) as image:
            if image.text.get("Dashboard") != fingerprint(dashboard):
                stale.append(f"{path.name} shows the dashboard as it was")
    if stale:
        raise Failed("; ".join(stale) + ": run `make screenshots`")


def draw(options):
    """Feeds, asks, draws."""
    wanted = dashboards(options.dashboards, options.only)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        folder, running = Path(folder), []
        try:
            logs = VictoriaLogs(folder)
            running.append(logs)
            day = Day(options.hours)
            feed = Feed(day, options.binary, folder, logs)
            history = feed.run()
            logs.flush()
            print(
                f"fed {feed.accepted} deliveries and {history.scrapes} scrapes in {time.monotonic() - started:.0f} s",
                flush=True,
            )
            prometheus = Prometheus(folder, history.write(folder), sorted(options.rules.glob("*.yaml")))
            running.append(prometheus)
            options.out.mkdir(parents=True, exist_ok=True)
            for dashboard in wanted:
                draw_one(dashboard, day, options, prometheus, logs)
        finally:
            for server in running:
                server.end()


def draw_one(dashboard, day, options, prometheus, logs):
    uid = dashboard["uid"]
    hours, chosen = SHOWN.get(uid, (24, {}))
    span = Span(day.end - min(hours, options.hours) * 3600, day.end)
    try:
        variables = choose(dashboard, chosen, prometheus, span)
    except NotUnderstood as failure:
        raise Failed(f"{uid}: {failure}") from failure
    sources = Sources(prometheus, logs, span, variables)
    picture, path = Picture(dashboard, sources), options.out / f"{uid}.png"
    picture.draw()
    picture.save(path)
    size, empty = path.stat().st_size // 1024, ", ".join(picture.canvas.empty) or "none"
    print(
        f"{path.name}: {len(picture.panels)} panels, {sources.asked} queries, {size} KiB; without data: {empty}",
        flush=True,
    )


def main():
    options = arguments()
    try:
        (check if options.check else draw)(options)
    except (Failed, PanelFailed) as failure:
        sys.exit(f"screenshots: {failure}")


if __name__ == "__main__":
    main()
