{{/*
The shipped alert rules, from the files of rules/ with their tokens replaced. The files are read and never run as templates: what stands
between braces in them is Prometheus' own.
*/}}

{{/* The value of the label job that rules and dashboards rely on. */}}
{{- define "twilio-debugger-exporter.job" -}}
{{- .Values.rules.job | default (include "twilio-debugger-exporter.name" .) }}
{{- end }}

{{/* A file of rules with the tokens that all have in common replaced. Takes a dict: root, file. */}}
{{- define "twilio-debugger-exporter.ruleFile" -}}
{{- $text := .root.Files.Get (printf "rules/%s.yaml" .file) }}
{{- $text = replace "@job@" (include "twilio-debugger-exporter.job" .root) $text }}
{{- replace "@runbooks@" (.root.Values.rules.runbookUrl | trimSuffix "/") $text }}
{{- end }}

{{/* The group of thresholds: one rule for each entry of the list, from the first template without a code, from the second with one. */}}
{{- define "twilio-debugger-exporter.thresholdGroup" -}}
{{- $text := include "twilio-debugger-exporter.ruleFile" (dict "root" . "file" "thresholds") }}
{{- $levels := dict "error" `level="error"` "warning" `level="warning"` "any" `level=~"error|warning"` }}
{{- $rules := list }}
{{- range .Values.rules.thresholds }}
{{- $code := get . "code" | default "" | toString }}
{{- $matcher := ternary "" (printf `, error_code="%s"` $code) (eq $code "each") }}
{{- $filled := $text | replace "@level_matcher@" (get $levels .level) | replace "@code_matcher@" $matcher }}
{{- $filled = $filled | replace "@code@" ($code | default "all") | replace "@level@" .level | replace "@window@" .window | replace "@severity@" .severity }}
{{- $filled = $filled | replace "@threshold@" (.threshold | int64 | toString) }}
{{- $group := index (fromYaml $filled).groups 0 }}
{{- $rules = append $rules (index $group.rules (ternary 1 0 (ne $code ""))) }}
{{- end }}
{{- $group := index (fromYaml $text).groups 0 }}
{{- dict "name" $group.name "rules" $rules | toJson }}
{{- end }}

{{/* Every group that is switched on, as JSON: {groups: [...]}, with what the values add to each rule. */}}
{{- define "twilio-debugger-exporter.ruleGroups" -}}
{{- $root := . }}
{{- $groups := list }}
{{- range $file := list "events" "thresholds" "insights" "health" "silence" }}
{{- if eq $file "thresholds" }}
{{- if $root.Values.rules.thresholds }}
{{- $groups = append $groups (include "twilio-debugger-exporter.thresholdGroup" $root | fromJson) }}
{{- end }}
{{- else if get $root.Values.rules $file }}
{{- $text := include "twilio-debugger-exporter.ruleFile" (dict "root" $root "file" $file) }}
{{- $groups = concat $groups (fromYaml $text).groups }}
{{- end }}
{{- end }}
{{- $kept := list }}
{{- range $group := $groups }}
{{- $rules := list }}
{{- range $rule := $group.rules }}
{{- if not (has $rule.alert $root.Values.rules.disabled) }}
{{- $labels := merge (dict) $rule.labels ($root.Values.rules.labels | default dict) }}
{{- with get ($root.Values.rules.severities | default dict) $rule.alert }}{{ $_ := set $labels "severity" . }}{{ end }}
{{- $rules = append $rules (merge (dict "labels" $labels) $rule) }}
{{- end }}
{{- end }}
{{- if $rules }}{{ $kept = append $kept (merge (dict "rules" $rules) $group) }}{{ end }}
{{- end }}
{{- dict "groups" $kept | toJson }}
{{- end }}
