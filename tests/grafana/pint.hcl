# What pint asks of the rules, beside its own checks: all of those that need no Prometheus are on.

rule {
  match {
    kind = "alerting"
  }

  annotation "summary" {
    required = true
    severity = "bug"
  }
  annotation "description" {
    required = true
    severity = "bug"
  }
  annotation "runbook_url" {
    value    = "https://.+/Twilio[A-Za-z]+\\.md"
    required = true
    severity = "bug"
  }
  label "severity" {
    value    = "(critical|warning|info)"
    required = true
    severity = "bug"
  }

  # Whoever watches two exporters wants to know which of them.
  aggregate ".+" {
    keep     = ["job"]
    severity = "bug"
  }
}
