{{/* What a ServiceMonitor and a PodMonitor have in common. */}}

{{/*
The relabeling that gives each series a stable `instance`. A StatefulSet's pod keeps its name for ever. A Deployment's does not; where its
store outlives it, the counters go on, and so does the name: that of the workload.
*/}}
{{- define "twilio-debugger-exporter.instanceRelabeling" -}}
{{- if and (eq .Values.kind "Deployment") .Values.persistence.enabled }}
targetLabel: instance
replacement: {{ include "twilio-debugger-exporter.fullname" . }}
{{- else }}
sourceLabels:
  - __meta_kubernetes_pod_name
targetLabel: instance
{{- end }}
{{- end }}

{{/* An endpoint of a monitor. Takes a dict: root, monitor. */}}
{{- define "twilio-debugger-exporter.endpoint" -}}
{{- $monitor := .monitor }}
{{- $endpoint := dict "port" "telemetry" "path" "/metrics" "scheme" ($monitor.scheme | default (include "twilio-debugger-exporter.telemetryScheme" .root)) }}
{{- range $field := list "interval" "scrapeTimeout" "tlsConfig" "basicAuth" "authorization" "oauth2" "proxyUrl" "params" "metricRelabelings" }}
{{- with get $monitor $field }}{{ $_ := set $endpoint $field . }}{{ end }}
{{- end }}
{{- range $field := list "followRedirects" "enableHttp2" "honorLabels" "honorTimestamps" "trackTimestampsStaleness" "filterRunning" }}
{{- if not (kindIs "invalid" (get $monitor $field)) }}
{{- if kindIs "bool" (get $monitor $field) }}{{ $_ := set $endpoint $field (get $monitor $field) }}{{ end }}
{{- end }}
{{- end }}
{{- $instance := include "twilio-debugger-exporter.instanceRelabeling" .root | fromYaml }}
{{- $_ := set $endpoint "relabelings" (prepend ($monitor.relabelings | default list) $instance) }}
{{- toYaml $endpoint }}
{{- end }}

{{/* The fields of a monitor's spec beside its endpoints and its selector. Takes a dict: root, monitor. */}}
{{- define "twilio-debugger-exporter.monitorSpec" -}}
{{- $spec := dict "jobLabel" .monitor.jobLabel "namespaceSelector" (dict "matchNames" (list (include "twilio-debugger-exporter.namespace" .root))) }}
{{- range $field := list
  "scrapeProtocols" "fallbackScrapeProtocol" "scrapeClass" "targetLabels" "podTargetLabels" "attachMetadata" "bodySizeLimit"
  "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" "keepDroppedTargets" }}
{{- with get $.monitor $field }}{{ $_ := set $spec $field . }}{{ end }}
{{- end }}
{{- toYaml $spec }}
{{- end }}
