"""What a panel's queries gave, as columns, and what the panel says about each column: its unit, its colours, its name."""

import math
import re
import zlib
from dataclasses import dataclass, field

import theme
import units
from dashboard import NotUnderstood


@dataclass
class Column:
    """Values that belong together: one series, or one column of a table. Series have `times`, in seconds."""

    name: str
    values: list
    ref: str = "A"
    labels: dict = field(default_factory=dict)
    times: list | None = None
    config: dict = field(default_factory=dict)
    # From the least to the greatest value of all series, for colours that depend on it.
    scale: tuple | None = None

    @property
    def numbers(self):
        return [value for value in self.values if isinstance(value, (int, float)) and not math.isnan(value)]

    @property
    def label(self):
        """What the column is called in the picture."""
        shown = self.config.get("displayName")
        if not shown:
            return self.name
        known = {"__field.name": self.name, "__series.name": self.name}
        known |= {f"__field.labels.{name}": value for name, value in self.labels.items()}

        def value(found):
            if found[1] not in known:
                raise NotUnderstood(f"the name {shown!r}")
            return known[found[1]]

        return re.sub(r"\$\{([^}]+)\}", value, shown)

    def custom(self, name, default=None):
        return self.config.get("custom", {}).get(name, default)

    def text(self, value, now):
        """A value as the panel writes it."""
        mapping = self._mapping(value)
        if mapping and mapping.get("text"):
            return mapping["text"]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self.config.get("noValue", "")
        if isinstance(value, str):
            return value
        return units.formatted(value, self.config.get("unit"), self.config.get("decimals"), now)

    def colour(self, value, index=0):
        """The colour of a value: a mapping's, a fixed one, by thresholds, or by the series' place."""
        mapping = self._mapping(value)
        if mapping and mapping.get("color"):
            return theme.colour(mapping["color"])
        colour = self.config["color"]
        match colour["mode"]:
            case "fixed" | "shades":
                return theme.colour(colour["fixedColor"])
            case "thresholds":
                return self.threshold(value)
            case "palette-classic":
                return theme.PALETTE[index % len(theme.PALETTE)]
            case "palette-classic-by-name":
                return theme.PALETTE[zlib.crc32(self.label.encode()) % len(theme.PALETTE)]
        low, high = self.scale or (min(self.numbers, default=0), max(self.numbers, default=1))
        low, high = self.config.get("min", low), self.config.get("max", high)
        share = (value - low) / (high - low) if isinstance(value, (int, float)) and high > low else 1
        return theme.between(colour["mode"], share)

    def threshold(self, value):
        steps = self.config.get("thresholds", {}).get("steps") or [{"color": "green", "value": None}]
        found = steps[0]
        for step in steps:
            if step["value"] is None or (isinstance(value, (int, float)) and value >= step["value"]):
                found = step
        return theme.colour(found["color"])

    def _mapping(self, value):
        for mapping in self.config.get("mappings", []):
            options = mapping["options"]
            match mapping["type"]:
                case "value":
                    known = {
                        str(value),
                        units.plain(value) if isinstance(value, (int, float)) and not math.isnan(value) else "",
                    }
                    for text, result in options.items():
                        if text in known:
                            return result
                case "range":
                    least = -math.inf if options.get("from") is None else options["from"]
                    most = math.inf if options.get("to") is None else options["to"]
                    if isinstance(value, (int, float)) and least <= value <= most:
                        return options["result"]
                case "special":
                    nothing = value is None or (isinstance(value, float) and math.isnan(value))
                    if nothing and options["match"] in ("null", "nan", "null+nan"):
                        return options["result"]
                case "regex":
                    if isinstance(value, str) and re.search(options["pattern"].strip("/"), value):
                        return options["result"]
                case other:
                    raise NotUnderstood(f"the mapping {other!r}")
        return None


def configured(columns, panel):
    """Gives each column its part of the panel's fieldConfig."""
    settings = panel.json.get("fieldConfig", {})
    # Where a panel does not say, a graph tells its series apart, and everything else looks at thresholds.
    mode = "palette-classic" if panel.kind == "timeseries" else "thresholds"
    for column in columns:
        defaults = {"color": {"mode": mode}, **settings.get("defaults", {})}
        column.config = {**defaults, "custom": dict(defaults.get("custom", {}))}
        for override in settings.get("overrides", []):
            if not _is_for(override["matcher"], column):
                continue
            for entry in override["properties"]:
                if entry["id"].startswith("custom."):
                    column.config["custom"][entry["id"].removeprefix("custom.")] = entry.get("value")
                else:
                    column.config[entry["id"]] = entry.get("value")
    numbers = [value for column in columns if column.times for value in column.numbers]
    for column in columns:
        column.scale = (min(numbers), max(numbers)) if column.times and numbers else None
    return columns


def _is_for(matcher, column):
    match matcher["id"]:
        case "byName":
            return matcher["options"] in (column.name, column.label)
        case "byRegexp":
            pattern = matcher["options"]
            return bool(re.search(pattern.strip("/"), column.name))
        case "byFrameRefID":
            return matcher["options"] == column.ref
        case "byType":
            kind = "time" if column.name == "Time" else "number" if column.numbers else "string"
            return matcher["options"] == kind
    raise NotUnderstood(f"the override's matcher {matcher['id']!r}")


def reduced(values, calculation):
    """One number for many."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not math.isnan(value)]
    match calculation:
        case "lastNotNull" | "last":
            known = [
                value for value in values if value is not None and not (isinstance(value, float) and math.isnan(value))
            ]
            return known[-1] if known else None
        case "firstNotNull" | "first":
            return numbers[0] if numbers else None
        case "sum" | "total":
            return sum(numbers) if numbers else None
        case "max":
            return max(numbers, default=None)
        case "min":
            return min(numbers, default=None)
        case "mean":
            return sum(numbers) / len(numbers) if numbers else None
        case "count":
            return len(values)
    raise NotUnderstood(f"the calculation {calculation!r}")
