{{/* Labels of the test's pod: not those of the exporter, whose services would otherwise send it requests. */}}
{{- define "twilio-debugger-exporter.testLabels" -}}
app.kubernetes.io/name: {{ include "twilio-debugger-exporter.name" . | trunc 58 }}-test
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
