{{/*
The shipped alert rules as Grafana-managed ones, in the shape that `twilio-debugger-exporter rules --format grafana` prints and explains: the
instant query of the Prometheus rule, whole, and a threshold that is always passed.
*/}}

{{/* Seconds of a duration with one unit. */}}
{{- define "twilio-debugger-exporter.seconds" -}}
{{- $number := regexFind "^[0-9]+" . }}
{{- mul (int64 $number) (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) (trimPrefix $number .)) }}
{{- end }}

{{/* What tells the rules of one alert apart, as a list: the labels of a threshold; empty for the others. */}}
{{- define "twilio-debugger-exporter.distinction" -}}
{{- $labels := pick .labels "code" "level" "window" "threshold" }}
{{- if eq (len $labels) 4 }}{{ list $labels.code $labels.level $labels.window $labels.threshold | toJson }}{{ else }}[]{{ end }}
{{- end }}

{{/* The same for the same rule for ever. */}}
{{- define "twilio-debugger-exporter.grafanaUid" -}}
{{- $distinction := include "twilio-debugger-exporter.distinction" . | fromJsonArray }}
{{- if $distinction }}twd-above-{{ join "-" $distinction }}{{ else }}twd-{{ trimPrefix "TwilioDebugger" .alert | kebabcase }}{{ end }}
{{- end }}

{{- define "twilio-debugger-exporter.grafanaTitle" -}}
{{- .alert }}
{{- with include "twilio-debugger-exporter.distinction" . | fromJsonArray }}
{{- printf " (%s %s, %s in %s)" (index . 0) (index . 1) (index . 3) (index . 2) }}
{{- end }}
{{- end }}

{{/* One rule. Takes a dict: rule, datasourceUid. Gives JSON. */}}
{{- define "twilio-debugger-exporter.grafanaRule" -}}
{{- $rule := .rule }}
{{- $expression := "__expr__" }}
{{- $query := dict
  "refId" "A"
  "relativeTimeRange" (dict "from" 600 "to" 0)
  "datasourceUid" .datasourceUid
  "model" (dict
    "refId" "A"
    "datasource" (dict "type" "prometheus" "uid" .datasourceUid)
    "expr" $rule.expr
    "instant" true
    "range" false
    "editorMode" "code") }}
{{- $passed := dict
  "refId" "B"
  "relativeTimeRange" (dict "from" 0 "to" 0)
  "datasourceUid" $expression
  "model" (dict
    "refId" "B"
    "datasource" (dict "type" $expression "uid" $expression)
    "type" "threshold"
    "expression" "A"
    "conditions" (list (dict "evaluator" (dict "type" "gt" "params" (list -1))))) }}
{{- $annotations := dict }}
{{- range $name, $text := $rule.annotations }}
{{- $_ := set $annotations $name (replace "$value" "$values.A.Value" $text) }}
{{- end }}
{{- $keep := get $rule "keep_firing_for" | default "0s" }}
{{- dict
  "uid" (include "twilio-debugger-exporter.grafanaUid" $rule)
  "title" (include "twilio-debugger-exporter.grafanaTitle" $rule)
  "condition" "B"
  "data" (list $query $passed)
  "for" (get $rule "for" | default "0s")
  "keepFiringFor" $keep
  "missing_series_evals_to_resolve" (max 1 (div (include "twilio-debugger-exporter.seconds" $keep | int64) 60))
  "noDataState" "OK"
  "execErrState" "Error"
  "labels" $rule.labels
  "annotations" $annotations
  "isPaused" false
  | toJson }}
{{- end }}

{{/* Every group: name and rules, as JSON: {groups: [...]}. */}}
{{- define "twilio-debugger-exporter.grafanaGroups" -}}
{{- $root := . }}
{{- $groups := list }}
{{- range (include "twilio-debugger-exporter.ruleGroups" . | fromJson).groups }}
{{- $rules := list }}
{{- range .rules }}
{{- $rule := dict "rule" . "datasourceUid" $root.Values.grafanaAlerts.datasourceUid }}
{{- $rules = append $rules (include "twilio-debugger-exporter.grafanaRule" $rule | fromJson) }}
{{- end }}
{{- $groups = append $groups (dict "name" .name "rules" $rules) }}
{{- end }}
{{- dict "groups" $groups | toJson }}
{{- end }}
