"""Lets the exporter live through the day: each request at its time, a scrape every half minute."""

import time

from day import rfc3339
from exporter import Clock, Exporter, Signer
from history import History
from processes import Failed, until
from twilio_events import TOKENS

SCRAPE_SECONDS = 30

# On the days before, which are only compared with: less to do.
SCRAPE_SECONDS_BEFORE = 60

# What a deploy takes: within it one scrape finds nobody.
RESTART_SECONDS = 24

# While the log store is away, real time must pass too: the exporter's retries go by the monotonic clock.
AWAY_SECONDS_PER_SCRAPE = 0.1


class Feed:
    """The exporter, its clock, its log store, and what has been scraped."""

    def __init__(self, day, binary, folder, log_store):
        self.day, self.log_store = day, log_store
        self.clock = Clock(folder, day.start - 3600)
        self.signer, self.history = Signer(), History()
        self.exporter = Exporter(binary, folder, self.clock, log_store.otlp)
        self.down_until = 0.0
        self.accepted = 0

    def run(self):
        """The whole day; gives what was scraped."""
        # A stable order: of things at one moment, the scrape comes last.
        moments = [(delivery.at, 0, lambda d=delivery: self._deliver(d)) for delivery in self.day.deliveries]
        moments += [(happening.at, 1, lambda h=happening: self._happen(h)) for happening in self.day.happenings]
        today = int(max(self.day.start, self.day.today))
        scrapes = [
            *range(int(self.day.start), today, SCRAPE_SECONDS_BEFORE),
            *range(today, int(self.day.end) + 1, SCRAPE_SECONDS),
        ]
        moments += [(float(at), 2, lambda at=at: self._scrape(at)) for at in scrapes]
        try:
            for at, _, act in sorted(moments, key=lambda moment: moment[:2]):
                self._reach(at)
                act()
            self._all_shipped()
        finally:
            self.exporter.stop()
            self.signer.end()
        return self.history

    def _reach(self, at):
        """Time passes. A deploy that ends meanwhile brings the exporter back."""
        if self.down_until and at >= self.down_until:
            self.clock.set(self.down_until)
            self.down_until = 0.0
            self.exporter.start()
        self.clock.set(at)

    def _deliver(self, delivery):
        if self.down_until:
            # Twilio tries a connection once more that was refused; that one finds the new process.
            self._reach(self.down_until)
        fields = delivery.event.fields(rfc3339(delivery.event.occurred))
        token = "0" * 32 if delivery.forged else TOKENS[delivery.event.account]
        status = self.exporter.post(*self.signer.sign(token, fields))
        if status != (403 if delivery.forged else 204):
            raise Failed(f"the exporter answered {status} to {delivery.event} at {rfc3339(delivery.at)}")
        self.accepted += not delivery.forged

    def _happen(self, happening):
        match happening.what:
            case "log store down":
                self.log_store.end()
            case "log store up":
                self.log_store.start()
                self._all_shipped()
            case "restart":
                self.exporter.stop()
                self.down_until = happening.at + RESTART_SECONDS

    def _scrape(self, at):
        if self.down_until:
            self.history.down(at)
            return
        if not self.log_store.runs:
            time.sleep(AWAY_SECONDS_PER_SCRAPE)
        self.history.scraped(at, *self.exporter.scrape())

    def _all_shipped(self):
        """Waits until the log store has every event."""
        self.exporter.disconnect()

        def shipped():
            samples = dict(line.rpartition(" ")[::2] for line in self.exporter.page().splitlines())
            stored = sum(
                float(value)
                for series, value in samples.items()
                if series.startswith("twilio_debugger_accepted_events_total{")
            )
            return float(samples["twilio_debugger_exporter_otlp_records_total"]) >= stored

        until("the log store to have every event", shipped)
