"""Which alerts fire at the end of the day: the rules' expressions, asked of the same Prometheus.

Grafana's panel shows what its own alerting found. Here each rule's expression is asked over the time before the end; a rule
fires for a set of labels once its expression has had a value for as long as the rule's `for` says, and for as long as its
`keep_firing_for` says after that.
"""

import re
from dataclasses import dataclass

# How often rules are evaluated, and how far back it is looked for an alert's beginning.
INTERVAL = 60
LOOK_BACK = 6 * 3600


@dataclass
class Alert:
    state: str
    name: str
    since: float
    severity: str
    summary: str


def active(prometheus, panel, now):
    """The alerts whose name the panel asks for: firing ones first, then by severity and age."""
    wanted, found = panel.json.get("options", {}).get("alertName", ""), []
    for rule in prometheus.alerting_rules():
        if wanted not in rule["name"]:
            continue
        for series in prometheus.over(rule["query"], now - LOOK_BACK, now, INTERVAL):
            times = [float(at) for at, _ in series["values"]]
            since = last = times[-1]
            while since - INTERVAL in times:
                since -= INTERVAL
            fires = last - since >= rule["duration"]
            if last + (rule["keepFiringFor"] if fires else 0) < now - INTERVAL:
                continue
            labels = {**series["metric"], **rule["labels"]}
            state = "firing" if fires else "pending"
            begun = since + rule["duration"] if fires else since
            summary = _summary(rule["annotations"].get("summary", ""), labels, float(series["values"][-1][1]))
            found.append(Alert(state, rule["name"], begun, labels.get("severity", ""), summary))
    ranks = ("critical", "warning", "info")
    found.sort(
        key=lambda one: (one.state != "firing", ranks.index(one.severity) if one.severity in ranks else 3, -one.since)
    )
    return found


def _summary(template, labels, value):
    """The summary with its labels and its value; of the template language, what summaries use."""
    text = re.sub(r"\{\{-?\s*\$labels\.(\w+)\s*-?\}\}", lambda found: labels.get(found[1], ""), template)
    return re.sub(r"\{\{-?\s*(?:printf \"[^\"]*\" )?\$value[^}]*\}\}", f"{value:.3g}", text)
