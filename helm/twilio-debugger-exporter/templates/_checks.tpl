{{/*
What is missing or does not fit together: every fault of a run in one message, a sentence each, with what to set. Misspelt keys and
values of a wrong kind are the schema's.
*/}}

{{/* Bytes of a quantity of Kubernetes (2Gi) or of the exporter (1GiB); 0 for one that is not whole. */}}
{{- define "twilio-debugger-exporter.bytes" -}}
{{- $text := ternary . (printf "%d" (int64 .)) (kindIs "string" .) | trim }}
{{- $number := regexFind "^[0-9]+" $text }}
{{- $unit := trimPrefix $number $text | trim | trimSuffix "B" }}
{{- $factors := dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 }}
{{- if and $number (hasKey $factors $unit) }}{{ mul (int64 $number) (int64 (get $factors $unit)) }}{{ else }}0{{ end }}
{{- end }}

{{- define "twilio-debugger-exporter.faultsOfTwilio" -}}
{{- $urls := include "twilio-debugger-exporter.publicUrls" . | fromJsonArray }}
{{- if not $urls }}
twilio.publicUrl is not set: set it to the URL that stands in Twilio's console, for example https://hooks.example.com/twilio.
{{- end }}
{{- range $urls }}
{{- $fault := include "twilio-debugger-exporter.faultOfUrl" (dict "url" . "schemes" "https?://") | trim }}
{{- if eq $fault "userinfo" }}
twilio.publicUrl holds a user name or a password, which Twilio does not sign: leave them out here and keep them in Twilio's console.
{{- else if $fault }}
twilio.publicUrl {{ quote . }} is no URL: set it to the whole URL that stands in Twilio's console, from https:// on.
{{- end }}
{{- end }}
{{- $accounts := include "twilio-debugger-exporter.accounts" . | fromJsonArray }}
{{- if not $accounts }}
twilio.existingSecret is not set: make a Secret with the account's auth token (kubectl create secret generic twilio --from-literal=auth-token=...) and set twilio.existingSecret to its name and twilio.accountSid to the account's Sid.
{{- end }}
{{- $sids := list }}
{{- range $accounts }}
{{- $sid := .sid | default "" }}
{{- if not $sid }}
{{ ternary "twilio.accountSid" (printf "%s.sid" .place) (eq .place "twilio") }} is not set: set it to the account's Sid (AC...), which Twilio's console shows beside the auth token.
{{- else if has $sid $sids }}
{{ .place }}: the account {{ $sid }} is there twice; give all its tokens in one entry, as several keys of existingSecret.
{{- end }}
{{- $sids = append $sids $sid }}
{{- if not .files }}
{{ .place }}: the account {{ $sid }} has no auth token; set {{ .place }}.existingSecret to a Secret that holds it.
{{- end }}
{{- end }}
{{- end }}

{{/* Settings of the exporter that have a value of the chart: both would be two truths. */}}
{{- define "twilio-debugger-exporter.faultsOfConfig" -}}
{{- $elsewhere := dict
  "public_url" "twilio.publicUrl"
  "accounts" "twilio.accountSid, twilio.existingSecret and twilio.accounts"
  "webhook.listen" "containerPorts.webhook and listenAddress"
  "webhook.tls" "webhook.tls.existingSecret"
  "webhook.basic_auth_file" "webhook.basicAuth.existingSecret"
  "telemetry" "containerPorts.telemetry, listenAddress and telemetry.webConfig"
  "store.dir" "persistence.mountPath"
  "error_catalogue" "errorCatalogue.existingConfigMap"
  "otlp.endpoint" "otlp.endpoint"
  "otlp.protocol" "otlp.protocol"
  "otlp.headers" "otlp.existingSecretHeaders"
  "otlp.headers_files" "otlp.existingSecretHeaders"
  "otlp.tls" "otlp.tls" }}
{{- $config := .Values.config | default dict }}
{{- range $path, $value := $elsewhere }}
{{- $parts := splitList "." $path }}
{{- $section := get $config (first $parts) }}
{{- $there := hasKey $config (first $parts) }}
{{- if eq (len $parts) 2 }}{{ $there = and (kindIs "map" $section) (hasKey (ternary $section dict (kindIs "map" $section)) (last $parts)) }}{{ end }}
{{- if $there }}
config.{{ $path }} is written by the chart: set {{ $value }} of the values instead.
{{- end }}
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.faultsOfWorkload" -}}
{{- if gt (int .Values.replicas) 1 }}
replicas is {{ .Values.replicas }}: set it to 1, because the store is embedded in the pod, and a second one would count and export on its own.
{{- end }}
{{- if eq (int .Values.containerPorts.webhook) (int .Values.containerPorts.telemetry) }}
containerPorts.webhook and containerPorts.telemetry are both {{ .Values.containerPorts.webhook }}: set two different ports.
{{- end }}
{{- $type := get (.Values.updateStrategy | default dict) "type" }}
{{- if and (eq .Values.kind "Deployment") .Values.persistence.enabled (eq ($type | default "") "RollingUpdate") }}
updateStrategy.type is {{ $type }}: set it to Recreate, because two pods of a Deployment cannot share the volume, or set kind to StatefulSet.
{{- end }}
{{- if and (eq .Values.kind "StatefulSet") (eq ($type | default "") "Recreate") }}
updateStrategy.type is Recreate: set it to RollingUpdate or OnDelete, which are what a StatefulSet knows.
{{- end }}
{{- if and (eq .Values.kind "Deployment") (eq ($type | default "") "OnDelete") }}
updateStrategy.type is OnDelete: set it to Recreate or RollingUpdate, which are what a Deployment knows.
{{- end }}
{{- $room := ternary .Values.persistence.size .Values.persistence.emptyDir.sizeLimit .Values.persistence.enabled }}
{{- $limit := get ((.Values.config | default dict).store | default dict) "bytes_max" | default "1GiB" }}
{{- $bytes := include "twilio-debugger-exporter.bytes" $room | int64 }}
{{- $needed := add (include "twilio-debugger-exporter.bytes" $limit | int64) (mul 128 1024 1024) }}
{{- if and $room $bytes (gt $needed $bytes) (not (and .Values.persistence.enabled .Values.persistence.existingClaim)) }}
{{ ternary "persistence.size" "persistence.emptyDir.sizeLimit" .Values.persistence.enabled }} is {{ $room }}: set it to more than config.store.bytes_max ({{ $limit }}) and 128Mi of write-ahead log together.
{{- end }}
{{- with .Values.preStopSleepSeconds }}
{{- if and (gt (int .) 0) (semverCompare "<1.30-0" $.Capabilities.KubeVersion.Version) }}
preStopSleepSeconds needs Kubernetes 1.30 or newer: set it to 0 on {{ $.Capabilities.KubeVersion.Version }}.
{{- end }}
{{- end }}
{{- $least := add (include "twilio-debugger-exporter.preStopSleepSeconds" . | int) 15 }}
{{- if lt (int .Values.terminationGracePeriodSeconds) $least }}
terminationGracePeriodSeconds is {{ .Values.terminationGracePeriodSeconds }}: set it to {{ $least }} or more, because the exporter takes up to 10 s to drain.
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.faultsOfExposure" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
ingress.hosts is empty: set it to the host of twilio.publicUrl, because an Ingress without a host answers for every name.
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
httpRoute.parentRefs is empty: set it to the Gateway that the route belongs to, for example [{name: public, namespace: gateways}].
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
serviceMonitor.enabled and podMonitor.enabled are both true: set one of them to false, or each event is counted twice in sums.
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (kindIs "invalid" .maxUnavailable) (kindIs "invalid" .minAvailable) }}
podDisruptionBudget has neither maxUnavailable nor minAvailable: set one of them.
{{- end }}
{{- end }}
{{- with .Values.otlp.endpoint }}
{{- $schemes := ternary "(https?://)?" "https?://" (eq $.Values.otlp.protocol "grpc") }}
{{- $fault := include "twilio-debugger-exporter.faultOfUrl" (dict "url" . "schemes" $schemes) | trim }}
{{- if eq $fault "userinfo" }}
otlp.endpoint holds a user name or a password: leave them out, and set otlp.existingSecretHeaders to send them as a header.
{{- else if $fault }}
otlp.endpoint {{ quote . }} is no URL: set it to the collector's, for example http://otel-collector.monitoring.svc:4317.
{{- end }}
{{- end }}
{{- if and .Values.otlp.existingSecretHeaders (not .Values.otlp.existingSecret) }}
otlp.existingSecretHeaders names keys of a Secret: set otlp.existingSecret to that Secret.
{{- end }}
{{- range $name, $_ := .Values.otlp.headers }}
{{- if hasKey ($.Values.otlp.existingSecretHeaders | default dict) $name }}
otlp.headers.{{ $name }} stands in otlp.existingSecretHeaders too: set it in one of the two.
{{- end }}
{{- end }}
{{- if ne (empty .Values.otlp.tls.certKey) (empty .Values.otlp.tls.keyKey) }}
otlp.tls.certKey and otlp.tls.keyKey belong together: set both, or none.
{{- end }}
{{- if and .Values.otlp.tls.certKey (not .Values.otlp.tls.existingSecret) }}
otlp.tls.certKey names a key of a Secret: set otlp.tls.existingSecret to that Secret.
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.faultsOfRules" -}}
{{- $seen := list }}
{{- range $index, $entry := .Values.rules.thresholds }}
{{- $key := list (get $entry "code" | default "" | toString) $entry.level $entry.window ($entry.threshold | int64) | toJson }}
{{- if has $key $seen }}
rules.thresholds[{{ $index }}] {{ toJson $entry }} has the code, level, window and threshold of another entry: take one of the two out.
{{- end }}
{{- $seen = append $seen $key }}
{{- end }}
{{- $known := list }}
{{- range list "events" "thresholds" "insights" "health" "silence" }}
{{- $text := include "twilio-debugger-exporter.ruleFile" (dict "root" $ "file" .) }}
{{- range (index (fromYaml $text).groups 0).rules }}{{ $known = append $known .alert }}{{ end }}
{{- end }}
{{- range concat (.Values.rules.disabled | default list) (keys (.Values.rules.severities | default dict) | sortAlpha) | uniq }}
{{- if not (has . $known) }}
rules.disabled and rules.severities know no alert {{ quote . }}: set one of {{ $known | uniq | sortAlpha | join ", " }}.
{{- end }}
{{- end }}
{{- with .Values.grafanaAlerts.operator }}
{{- if and .folderRef .folderUID }}
grafanaAlerts.operator has folderRef and folderUID: set one of them.
{{- end }}
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.checks" -}}
{{- $faults := list }}
{{- range list "Twilio" "Config" "Workload" "Exposure" "Rules" }}
{{- $faults = concat $faults (include (printf "twilio-debugger-exporter.faultsOf%s" .) $ | splitList "\n") }}
{{- end }}
{{- with $faults | compact }}{{ join "\n" . | printf "\n%s" | fail }}{{ end }}
{{- end }}
