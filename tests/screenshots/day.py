"""The day that the pictures show: what failed, when, for whom, and what happened to the exporter meanwhile.

A day in the life of a shop with two subaccounts, from evening to evening. The days before it are quiet ones; there are as many as
are asked for, so that "a week ago" has something to show.

    22:10  somebody probes the webhook's address, without a token
    02:30  the nightly reminders find handsets that are off
    08:50  a carrier filters a campaign
    09:00  the log store is away for twenty minutes; nothing is lost
    10:05  a deploy restarts the exporter
    12:20  Twilio delivers some events again and again; each is counted once
    16:20  the shop's application answers 502: the incident, which is not over when the day ends
    17:47  a code that was never seen before

Random, but from a seed: the same day each time.
"""

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from twilio_events import CLINIC, COURIER, SHOP, Event

END = datetime(2026, 11, 19, 18, 0, tzinfo=timezone.utc)

VOICE = "https://app.example.com/voice"
SMS = "https://app.example.com/sms"
CLINIC_VOICE = "https://calls.clinic.example/ivr/menu"
COURIER_SMS = "https://track.courier.example/inbound/sms"


@dataclass(frozen=True)
class Delivery:
    """A request to the webhook: when it comes in, and with what. `forged` is signed by nobody who may."""

    at: float
    event: Event
    forged: bool = False


@dataclass(frozen=True)
class Happening:
    """Something that is done to the exporter or its surroundings."""

    at: float
    what: str


# Code, account, URL, and how many a busy hour has.
QUIET = [
    ("11200", SHOP, VOICE, 1.6),
    ("11200", CLINIC, CLINIC_VOICE, 0.9),
    ("11205", COURIER, COURIER_SMS, 0.8),
    ("12100", CLINIC, CLINIC_VOICE, 0.7),
    ("12200", SHOP, VOICE, 2.6),
    ("13224", SHOP, "", 1.7),
    ("30003", SHOP, "", 4.5),
    ("30003", COURIER, "", 3.1),
    ("30007", SHOP, "", 1.4),
    ("32009", CLINIC, "", 5.5),
    ("63016", COURIER, "", 1.2),
    ("63052", SHOP, "", 2.2),
    ("82005", SHOP, "", 0.9),
]


class Day:
    """What happens from `start` to `end`, both in seconds since the epoch."""

    def __init__(self, hours):
        self.end = END.timestamp()
        self.start = self.end - hours * 3600
        self.today = self.end - 24 * 3600
        self.random = random.Random(20261119)
        self.deliveries = []
        self.happenings = []
        self.midnight = END.replace(hour=0).timestamp()
        self._live()
        self.deliveries = sorted((d for d in self.deliveries if self.start <= d.at < self.end), key=lambda d: d.at)
        self.happenings = sorted((h for h in self.happenings if self.start <= h.at < self.end), key=lambda h: h.at)

    def time(self, hour, minute=0):
        """A time of day; evening hours are those of the day before."""
        return self.midnight + (hour - (24 if hour >= 18 else 0)) * 3600 + minute * 60

    def _live(self):
        for code, account, url, hourly in QUIET:
            self._rain(self.start, self.end, lambda at, hourly=hourly: hourly * self._business(at), code, account, url)
        self._probe(self.time(22, 10))
        self._rain(self.time(2, 30), self.time(2, 50), bump(self.time(2, 30), self.time(2, 50), 190), "30003", SHOP)
        self._rain(self.time(8, 50), self.time(9, 40), bump(self.time(8, 50), self.time(9, 40), 330), "30007", SHOP)
        self.happenings += [Happening(self.time(9, 0), "log store down"), Happening(self.time(9, 20), "log store up")]
        self.happenings.append(Happening(self.time(10, 5) + 12, "restart"))
        self._repeat(self.time(12, 20), self.time(12, 32))
        self._incident(self.time(16, 20), self.time(16, 20) + 140 * 60)
        for minutes in (47, 49, 52, 53, 58):
            self._add(self.time(17, minutes) + 11, "12300", CLINIC, CLINIC_VOICE)

    def _business(self, at):
        """How busy the hour is: little at night, most in the early afternoon."""
        hour = (at - self.midnight) / 3600 % 24
        return 0.22 + 0.78 * max(0.0, math.sin(math.pi * (hour - 5.5) / 15)) if 5.5 <= hour <= 20.5 else 0.22

    def _rain(self, begin, end, hourly, code, account, url=""):
        """Events at random times, on average `hourly(time)` an hour."""
        at = begin
        most = max(hourly(begin + (end - begin) * step / 200) for step in range(201))
        while (at := at + self.random.expovariate(most / 3600)) < end:
            if self.random.random() * most < hourly(at):
                self._add(at, code, account, url)

    def _incident(self, begin, end):
        for code, account, url, most in [
            ("11200", SHOP, VOICE, 620),
            ("11200", SHOP, SMS, 210),
            ("11205", COURIER, COURIER_SMS, 90),
        ]:
            self._rain(begin, end, outage(begin, end, most), code, account, url)

    def _repeat(self, begin, end):
        """Each event of the last half hour is delivered again, as happens with `#rc=5&rp=all` in the webhook's URL."""
        first = [d for d in self.deliveries if begin - 1800 <= d.at < end]
        for delivery in first:
            for _ in range(self.random.randint(2, 5)):
                self.deliveries.append(Delivery(self.random.uniform(max(begin, delivery.at), end + 30), delivery.event))

    def _probe(self, begin):
        for attempt in range(17):
            at = begin + attempt * 31 + self.random.uniform(0, 20)
            event = Event(self._sid(), SHOP, "11200", at, VOICE)
            self.deliveries.append(Delivery(at, event, forged=True))

    def _add(self, at, code, account, url=""):
        # Twilio's time is a little earlier than the request, and sometimes a good deal earlier.
        delay = self.random.lognormvariate(0.1, 0.7) + (
            self.random.uniform(5, 40) if self.random.random() < 0.02 else 0
        )
        status = self.random.choices([502, 503, 504, 500], [70, 15, 10, 5])[0]
        self.deliveries.append(Delivery(at, Event(self._sid(), account, code, at - delay, url, status)))

    def _sid(self):
        return f"NO{self.random.getrandbits(128):032x}"


def bump(begin, end, most):
    """Rises and falls."""
    return lambda at: most * math.sin(math.pi * min(1, max(0, (at - begin) / (end - begin)))) ** 2


def outage(begin, end, most):
    """Sets in at once, stays, and ebbs away as the repair is rolled out; a second, smaller wave follows the first."""

    def hourly(at):
        passed = (at - begin) / (end - begin)
        wave = min(1, passed * 25) / (1 + math.exp((passed - 0.42) * 22))
        return most * (wave + 0.45 * math.exp(-(((passed - 0.72) / 0.07) ** 2)))

    return hourly


def rfc3339(seconds):
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
