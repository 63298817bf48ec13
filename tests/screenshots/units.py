"""Numbers and times as a dashboard's units write them."""

import math
from datetime import datetime, timezone


class UnknownUnit(Exception):
    """A unit that is drawn nowhere yet."""


def fixed(value, decimals):
    text = f"{value:.{decimals}f}"
    return "0" if text.strip("-0.") == "" else text


def plain(value, decimals=None):
    """A number with as many decimals as it needs."""
    if decimals is not None:
        return fixed(value, decimals)
    if value == round(value) or abs(value) >= 1000:
        return fixed(value, 0)
    return trimmed(fixed(value, min(6, max(0, 2 - math.floor(math.log10(abs(value)))))))


def trimmed(text):
    """Without zeros at the end of a fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def scaled(value, decimals, steps, base):
    """A number with a prefix: the largest in which it is at least one."""
    size = 0
    while abs(value) >= base and size < len(steps) - 1:
        value /= base
        size += 1
    if decimals is None and size:
        decimals = 0 if value == round(value) else max(0, 2 - int(math.log10(abs(value))))
        return trimmed(fixed(value, decimals)) + steps[size]
    return plain(value, decimals) + steps[size]


def short(value, decimals):
    return scaled(value, decimals, ("", " K", " Mil", " Bil", " Tri"), 1000)


def binary(value, decimals):
    return scaled(value, decimals, (" B", " KiB", " MiB", " GiB", " TiB"), 1024)


def seconds(value, decimals):
    size = abs(value)
    for least, factor, unit in (
        (14 * 86400, 604800, "weeks"),
        (86400, 86400, "days"),
        (3600, 3600, "hours"),
        (60, 60, "mins"),
    ):
        if size >= least:
            return f"{plain(round(value / factor, 2 if decimals is None else decimals), decimals)} {unit}"
    if size >= 1 or size == 0:
        return f"{plain(value, decimals)} s"
    if size >= 0.001:
        return f"{plain(value * 1000, decimals)} ms"
    return f"{plain(value * 1e6, decimals)} µs"


def lasting(length):
    """A length of time in its largest unit, rounded down."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if length >= size or size == 1:
            count = int(length / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("the last unit is a second")


def ago(then, now):
    """A moment, seen from another, as people say it."""
    passed = abs(now - then)
    words = "a few seconds"
    for unit, size, one in (("minute", 60, "a minute"), ("hour", 3600, "an hour"), ("day", 86400, "a day")):
        # From three quarters on it is the larger unit, as moment.js has it.
        if passed >= 0.75 * size:
            count = round(passed / size)
            words = one if count <= 1 else f"{count} {unit}s"
    return f"{words} ago" if now >= then else f"in {words}"


def moment(value, form):
    return datetime.fromtimestamp(value, timezone.utc).strftime(form)


def formatted(value, unit, decimals, now):
    """A value in a unit. Times come in milliseconds, as Grafana has them."""
    match unit:
        case "short":
            return short(value, decimals)
        case "none" | "" | None:
            return plain(value, decimals)
        case "string":
            return str(value)
        case "percentunit":
            return plain(value * 100, decimals if decimals is not None else (None if value in (0, 1) else 1)) + "%"
        case "percent":
            return plain(value, decimals) + "%"
        case "bytes":
            return binary(value, decimals)
        case "s":
            return seconds(value, decimals)
        case "dtdurations":
            return lasting(value)
        case "ms":
            return seconds(value / 1000, decimals)
        case "reqps" | "ops" | "cps" | "eps":
            return short(value, decimals) + {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "eps": " ev/s"}[unit]
        case "cpm" | "opm":
            return short(value, decimals) + f" {unit}"
        case "dateTimeFromNow":
            return ago(value / 1000, now)
        case "dateTimeAsIso" | "dateTimeAsIsoNoDateIfToday" | "dateTimeAsSystem":
            today = moment(value / 1000, "%F") == moment(now, "%F") and unit.endswith("NoDateIfToday")
            return moment(value / 1000, "%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
    if unit.startswith("suffix:"):
        return f"{plain(value, decimals)} {unit.removeprefix('suffix:').strip()}"
    raise UnknownUnit(f"the unit {unit!r} is not known")
