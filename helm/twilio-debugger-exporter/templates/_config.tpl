{{/* The exporter's configuration file, and the secrets it refers to. */}}

{{/* Where things are mounted. */}}
{{- define "twilio-debugger-exporter.tokensDir" -}}/run/secrets/twilio{{- end }}
{{- define "twilio-debugger-exporter.otlpDir" -}}/run/secrets/otlp{{- end }}
{{- define "twilio-debugger-exporter.otlpCaDir" -}}/run/secrets/otlp-ca{{- end }}
{{- define "twilio-debugger-exporter.webhookTlsDir" -}}/run/secrets/webhook-tls{{- end }}
{{- define "twilio-debugger-exporter.webhookBasicAuthDir" -}}/run/secrets/webhook-basic-auth{{- end }}
{{- define "twilio-debugger-exporter.webConfigDir" -}}/run/secrets/web-config{{- end }}
{{- define "twilio-debugger-exporter.errorCatalogueDir" -}}/run/secrets/error-catalogue{{- end }}
{{- define "twilio-debugger-exporter.configDir" -}}/etc/twilio-debugger-exporter{{- end }}

{{- define "twilio-debugger-exporter.publicUrls" -}}
{{- $urls := .Values.twilio.publicUrl }}
{{- if not (kindIs "slice" $urls) }}{{ $urls = list ($urls | default "") }}{{ end }}
{{- $urls | compact | toJson }}
{{- end }}

{{/* The paths of the public URLs, for Ingress and HTTPRoute. */}}
{{- define "twilio-debugger-exporter.webhookPaths" -}}
{{- $paths := list }}
{{- range include "twilio-debugger-exporter.publicUrls" . | fromJsonArray }}
{{- $paths = append $paths ((include "twilio-debugger-exporter.url" . | fromJson).path | default "/") }}
{{- end }}
{{- $paths | uniq | toJson }}
{{- end }}

{{/* The accounts as they are typed: the one above the list, then the list. */}}
{{- define "twilio-debugger-exporter.typedAccounts" -}}
{{- $accounts := list }}
{{- with .Values.twilio }}
{{- if or .accountSid .existingSecret .authToken }}
{{- $accounts = append $accounts (dict
  "place" "twilio"
  "sid" .accountSid
  "existingSecret" .existingSecret
  "existingSecretKeys" .existingSecretKeys
  "authTokens" (list .authToken | compact)) }}
{{- end }}
{{- range $index, $account := .accounts }}
{{- $accounts = append $accounts (merge (dict "place" (printf "twilio.accounts[%d]" $index)) $account) }}
{{- end }}
{{- end }}
{{- toJson $accounts }}
{{- end }}

{{/*
The accounts, each with the files of its tokens and what they come from: keys of existing Secrets, keys of our own Secret with their
values, or files that somebody else mounts.
*/}}
{{- define "twilio-debugger-exporter.accounts" -}}
{{- $dir := include "twilio-debugger-exporter.tokensDir" . }}
{{- $accounts := list }}
{{- range include "twilio-debugger-exporter.typedAccounts" . | fromJsonArray }}
{{- $sid := .sid | default "" }}
{{- $files := list }}
{{- $items := list }}
{{- if .existingSecret }}
{{- range .existingSecretKeys | default (list "auth-token") }}
{{- $items = append $items (dict "key" . "path" (printf "%s/%s" $sid .)) }}
{{- $files = append $files (printf "%s/%s/%s" $dir $sid .) }}
{{- end }}
{{- end }}
{{- $inline := list }}
{{- range $index, $token := .authTokens | default list }}
{{- $inline = append $inline (dict "key" (printf "%s.%d" $sid $index) "path" (printf "%s/inline-%d" $sid $index) "token" $token) }}
{{- $files = append $files (printf "%s/%s/inline-%d" $dir $sid $index) }}
{{- end }}
{{- $files = concat $files (.authTokenFiles | default list) }}
{{- $accounts = append $accounts (dict
  "place" .place "sid" $sid "files" $files "existingSecret" (.existingSecret | default "") "items" $items "inline" $inline) }}
{{- end }}
{{- toJson $accounts }}
{{- end }}

{{/* What is rendered into our own Secret: tokens and headers that stand in the values. A map of key to value, as JSON. */}}
{{- define "twilio-debugger-exporter.ownSecretData" -}}
{{- $data := dict }}
{{- range include "twilio-debugger-exporter.accounts" . | fromJsonArray }}
{{- range .inline }}{{ $_ := set $data .key .token }}{{ end }}
{{- end }}
{{- range $name, $value := .Values.otlp.headers }}
{{- $_ := set $data (printf "otlp-header-%s" (lower $name)) $value }}
{{- end }}
{{- toJson $data }}
{{- end }}

{{- define "twilio-debugger-exporter.ownSecretName" -}}
{{- include "twilio-debugger-exporter.fullname" . }}-inline
{{- end }}

{{/* Whether the telemetry listener speaks TLS. */}}
{{- define "twilio-debugger-exporter.telemetryScheme" -}}
{{- ternary "https" "http" (and (not (empty .Values.telemetry.webConfig.existingSecret)) .Values.telemetry.webConfig.tls) }}
{{- end }}

{{- define "twilio-debugger-exporter.listenAddress" -}}
{{- $asked := or (has "IPv6" .Values.service.ipFamilies) (contains "DualStack" (.Values.service.ipFamilyPolicy | default "")) }}
{{- .Values.listenAddress | default (ternary "[::]" "0.0.0.0" $asked) }}
{{- end }}

{{- define "twilio-debugger-exporter.otlpConfig" -}}
{{- with .Values.otlp }}
{{- if .endpoint }}
endpoint: {{ .endpoint | quote }}
protocol: {{ .protocol }}
{{- $dir := include "twilio-debugger-exporter.otlpDir" $ }}
{{- $files := dict }}
{{- range $name, $key := .existingSecretHeaders }}
{{- $_ := set $files $name (printf "%s/headers/%s" $dir (lower $name)) }}
{{- end }}
{{- range $name, $_ := .headers }}
{{- $_ := set $files $name (printf "%s/headers/%s" $dir (lower $name)) }}
{{- end }}
{{- with $files }}
headers_files:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $tls := dict }}
{{- if .tls.caExistingConfigMap }}
{{- $_ := set $tls "ca_file" (printf "%s/%s" (include "twilio-debugger-exporter.otlpCaDir" $) .tls.caKey) }}
{{- else if and .tls.existingSecret .tls.caKey }}
{{- $_ := set $tls "ca_file" (printf "%s/tls/%s" $dir .tls.caKey) }}
{{- end }}
{{- if and .tls.existingSecret .tls.certKey }}
{{- $_ := set $tls "cert_file" (printf "%s/tls/%s" $dir .tls.certKey) }}
{{- $_ := set $tls "key_file" (printf "%s/tls/%s" $dir .tls.keyKey) }}
{{- end }}
{{- with $tls }}
tls:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The file: what the chart knows, and `config` on top of it, section by section. */}}
{{- define "twilio-debugger-exporter.config" -}}
{{- $urls := include "twilio-debugger-exporter.publicUrls" . | fromJsonArray }}
{{- $accounts := list }}
{{- range include "twilio-debugger-exporter.accounts" . | fromJsonArray }}
{{- $accounts = append $accounts (dict "sid" .sid "auth_token_files" .files) }}
{{- end }}
{{- $address := include "twilio-debugger-exporter.listenAddress" . }}
{{- $webhook := dict "listen" (printf "%s:%d" $address (int .Values.containerPorts.webhook)) }}
{{- with .Values.webhook.tls }}
{{- if .existingSecret }}
{{- $dir := include "twilio-debugger-exporter.webhookTlsDir" $ }}
{{- $_ := set $webhook "tls" (dict "cert_file" (printf "%s/%s" $dir .certKey) "key_file" (printf "%s/%s" $dir .keyKey)) }}
{{- end }}
{{- end }}
{{- with .Values.webhook.basicAuth }}
{{- if .existingSecret }}
{{- $_ := set $webhook "basic_auth_file" (printf "%s/%s" (include "twilio-debugger-exporter.webhookBasicAuthDir" $) .key) }}
{{- end }}
{{- end }}
{{- $telemetry := dict "listen" (printf "%s:%d" $address (int .Values.containerPorts.telemetry)) }}
{{- with .Values.telemetry.webConfig }}
{{- if .existingSecret }}
{{- $_ := set $telemetry "web_config_file" (printf "%s/%s" (include "twilio-debugger-exporter.webConfigDir" $) .key) }}
{{- end }}
{{- end }}
{{- $file := dict
  "public_url" (ternary (first $urls) $urls (eq (len $urls) 1))
  "accounts" $accounts
  "webhook" $webhook
  "telemetry" $telemetry
  "store" (dict "dir" .Values.persistence.mountPath) }}
{{- with .Values.errorCatalogue }}
{{- if .existingConfigMap }}
{{- $_ := set $file "error_catalogue" (printf "%s/%s" (include "twilio-debugger-exporter.errorCatalogueDir" $) .key) }}
{{- end }}
{{- end }}
{{- with include "twilio-debugger-exporter.otlpConfig" . | fromYaml }}{{ $_ := set $file "otlp" . }}{{ end }}
{{- range $section, $values := .Values.config | default dict }}
{{- if kindIs "map" $values }}
{{- $values = include "twilio-debugger-exporter.withoutNulls" $values | fromYaml }}
{{- with $values }}{{ $_ := set $file $section (merge (dict) . (get $file $section | default dict)) }}{{ end }}
{{- else if not (kindIs "invalid" $values) }}
{{- $_ := set $file $section $values }}
{{- end }}
{{- end }}
{{- toYaml $file }}
{{- end }}
