{{/* Where the exporter may connect to: name resolution, its collector, and what is added. Twilio is never called. */}}
{{- define "twilio-debugger-exporter.egress" -}}
{{- $egress := .Values.networkPolicy.egress }}
{{- $rules := list }}
{{- if $egress.dns.enabled }}
{{- $ports := $egress.dns.ports }}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}{{ $ports = append $ports 5353 | uniq }}{{ end }}
{{- $both := list }}
{{- range $port := $ports }}
{{- range list "UDP" "TCP" }}{{ $both = append $both (dict "port" (int $port) "protocol" .) }}{{ end }}
{{- end }}
{{- $rule := dict "ports" $both }}
{{- with $egress.dns.to }}{{ $_ := set $rule "to" . }}{{ end }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- if or .Values.otlp.endpoint $egress.otlp.to $egress.otlp.ports }}
{{- $rule := include "twilio-debugger-exporter.otlpEgress" . | fromYaml }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- concat $rules ($egress.extra | default list) | toYaml }}
{{- end }}

{{/*
The rule for the collector. Its port is the endpoint's, or the scheme's where it has none. Its host is an address, a service's name with its
namespace, or a name that a NetworkPolicy cannot express, and then any host will do.
*/}}
{{- define "twilio-debugger-exporter.otlpEgress" -}}
{{- $typed := .Values.networkPolicy.egress.otlp }}
{{- $endpoint := .Values.otlp.endpoint | default "" }}
{{- $url := include "twilio-debugger-exporter.url" $endpoint | fromJson }}
{{- $host := $url.host }}
{{- $port := $url.port | default (ternary "80" "443" (eq $url.scheme "http")) }}
{{- $rule := dict "ports" (list (dict "port" (int $port) "protocol" "TCP")) }}
{{- with $typed.ports }}
{{- $ports := list }}
{{- range . }}{{ $ports = append $ports (dict "port" (int .) "protocol" "TCP") }}{{ end }}
{{- $_ := set $rule "ports" $ports }}
{{- end }}
{{- $service := regexFind "^[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.|$)" $host }}
{{- if $typed.to }}
{{- $_ := set $rule "to" $typed.to }}
{{- else if regexMatch "^[0-9]+(\\.[0-9]+){3}$" $host }}
{{- $_ := set $rule "to" (list (dict "ipBlock" (dict "cidr" (printf "%s/32" $host)))) }}
{{- else if contains ":" $host }}
{{- $_ := set $rule "to" (list (dict "ipBlock" (dict "cidr" (printf "%s/128" $host)))) }}
{{- else if $service }}
{{- $namespace := index (splitList "." $host) 1 }}
{{- $_ := set $rule "to" (list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $namespace)))) }}
{{- end }}
{{- toYaml $rule }}
{{- end }}
