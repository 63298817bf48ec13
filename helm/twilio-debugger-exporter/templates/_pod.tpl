{{/* The pod, the same for both kinds of workload. */}}

{{/*
Going on to serve after the pod has been taken off the load balancers helps only where another pod is there to take over. A single pod that
is replaced by its successor would lengthen the gap with it.
*/}}
{{- define "twilio-debugger-exporter.preStopSleepSeconds" -}}
{{- if not (kindIs "invalid" .Values.preStopSleepSeconds) }}
{{- int .Values.preStopSleepSeconds }}
{{- else }}
{{- $overlap := and (eq .Values.kind "Deployment") (eq (include "twilio-debugger-exporter.deploymentStrategy" .) "RollingUpdate") }}
{{- ternary 5 0 (and $overlap (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version)) }}
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.deploymentStrategy" -}}
{{- get (.Values.updateStrategy | default dict) "type" | default (ternary "Recreate" "RollingUpdate" .Values.persistence.enabled) }}
{{- end }}

{{/* Takes a dict: root, probe, path. */}}
{{- define "twilio-debugger-exporter.probe" -}}
{{- $probe := include "twilio-debugger-exporter.withoutNulls" (omit .probe "enabled") | fromYaml }}
{{- $handlers := pick $probe "httpGet" "tcpSocket" "exec" "grpc" }}
{{- if not $handlers }}
{{- $scheme := .root.Values.probes.scheme | default (include "twilio-debugger-exporter.telemetryScheme" .root | upper) }}
{{- $get := dict "path" .path "port" "telemetry" "scheme" $scheme }}
{{- with .root.Values.probes.httpHeaders }}{{ $_ := set $get "httpHeaders" . }}{{ end }}
{{- $_ := set $probe "httpGet" $get }}
{{- end }}
{{- toYaml $probe }}
{{- end }}

{{- define "twilio-debugger-exporter.podTemplate" -}}
{{- $labels := merge (dict) (include "twilio-debugger-exporter.selectorLabels" . | fromYaml) (.Values.podLabels | default dict) (.Values.commonLabels | default dict) }}
metadata:
  labels:
    {{- toYaml $labels | nindent 4 }}
  annotations:
    {{- /* Over what is configured, and not over the rendered objects, whose labels change with each version of the chart. */}}
    checksum/config: {{ include "twilio-debugger-exporter.config" . | sha256sum }}
    {{- with include "twilio-debugger-exporter.ownSecretData" . | fromJson }}
    checksum/secret: {{ toJson . | sha256sum }}
    {{- end }}
    {{- with merge (dict) (.Values.podAnnotations | default dict) (.Values.commonAnnotations | default dict) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with include "twilio-debugger-exporter.imagePullSecrets" . | trim }}
  {{- nindent 2 . }}
  {{- end }}
  serviceAccountName: {{ include "twilio-debugger-exporter.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  {{- /* Variables of services would look like settings of ours, whose names begin alike. */}}
  enableServiceLinks: false
  {{- with include "twilio-debugger-exporter.podSecurityContext" . | fromYaml }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- range $field := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" }}
  {{- with get $.Values $field }}
  {{ $field }}: {{ . }}
  {{- end }}
  {{- end }}
  {{- if not (kindIs "invalid" .Values.hostUsers) }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  {{- range $field := list "dnsConfig" "hostAliases" "nodeSelector" "tolerations" "affinity" }}
  {{- with get $.Values $field }}
  {{ $field }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $selector := .labelSelector | default (dict "matchLabels" (include "twilio-debugger-exporter.selectorLabels" $ | fromYaml)) }}
    - {{ merge (dict "labelSelector" $selector) (omit . "labelSelector") | toYaml | trim | indent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{ include "twilio-debugger-exporter.container" . | trim | indent 6 | trim }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "twilio-debugger-exporter.volumes" . | trim | nindent 4 }}
{{- end }}

{{- define "twilio-debugger-exporter.container" -}}
name: exporter
image: {{ include "twilio-debugger-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - serve
  - --config={{ include "twilio-debugger-exporter.configDir" . }}/config.yaml
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- /* The root of the file system is read-only, and SQLite wants a place for what it sorts. */}}
  - name: SQLITE_TMPDIR
    value: {{ .Values.persistence.mountPath }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: webhook
    containerPort: {{ .Values.containerPorts.webhook }}
    protocol: TCP
  - name: telemetry
    containerPort: {{ .Values.containerPorts.telemetry }}
    protocol: TCP
{{- range $name, $path := dict "startup" "/-/healthy" "liveness" "/-/healthy" "readiness" "/-/ready" }}
{{- $probe := get $.Values.probes $name }}
{{- if $probe.enabled }}
{{ $name }}Probe:
  {{- include "twilio-debugger-exporter.probe" (dict "root" $ "probe" $probe "path" $path) | nindent 2 }}
{{- end }}
{{- end }}
{{- $sleep := include "twilio-debugger-exporter.preStopSleepSeconds" . | int }}
{{- if .Values.lifecycle }}
lifecycle:
  {{- toYaml .Values.lifecycle | nindent 2 }}
{{- else if $sleep }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ $sleep }}
{{- end }}
{{- with include "twilio-debugger-exporter.withoutNulls" .Values.securityContext | fromYaml }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: {{ include "twilio-debugger-exporter.configDir" . }}
    readOnly: true
  - name: data
    mountPath: {{ .Values.persistence.mountPath }}
  {{- range include "twilio-debugger-exporter.secretVolumes" . | fromJsonArray }}
  - name: {{ .volume.name }}
    mountPath: {{ .dir }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/*
Volumes of secrets and of other files that are mounted, each with the directory it is mounted at. Readable by every user of the container, which has one: who that is, the image
or OpenShift says. Mounted whole and not file by file, so that a change of the Secret arrives.
*/}}
{{- define "twilio-debugger-exporter.secretVolumes" -}}
{{- $mode := 292 }}
{{- $volumes := list }}
{{- with include "twilio-debugger-exporter.tokenSources" . | fromJsonArray }}
{{- $volume := dict "name" "twilio" "projected" (dict "defaultMode" $mode "sources" .) }}
{{- $volumes = append $volumes (dict "dir" (include "twilio-debugger-exporter.tokensDir" $) "volume" $volume) }}
{{- end }}
{{- with include "twilio-debugger-exporter.otlpSources" . | fromJsonArray }}
{{- $volume := dict "name" "otlp" "projected" (dict "defaultMode" $mode "sources" .) }}
{{- $volumes = append $volumes (dict "dir" (include "twilio-debugger-exporter.otlpDir" $) "volume" $volume) }}
{{- end }}
{{- if .Values.otlp.endpoint }}
{{- with .Values.otlp.tls.caExistingConfigMap }}
{{- $volume := dict "name" "otlp-ca" "configMap" (dict "name" . "defaultMode" $mode) }}
{{- $volumes = append $volumes (dict "dir" (include "twilio-debugger-exporter.otlpCaDir" $) "volume" $volume) }}
{{- end }}
{{- end }}
{{- with .Values.errorCatalogue.existingConfigMap }}
{{- $volume := dict "name" "error-catalogue" "configMap" (dict "name" . "defaultMode" $mode) }}
{{- $volumes = append $volumes (dict "dir" (include "twilio-debugger-exporter.errorCatalogueDir" $) "volume" $volume) }}
{{- end }}
{{- range $name, $secret := dict
  "webhook-tls" .Values.webhook.tls.existingSecret
  "webhook-basic-auth" .Values.webhook.basicAuth.existingSecret
  "web-config" .Values.telemetry.webConfig.existingSecret }}
{{- if $secret }}
{{- $volume := dict "name" $name "secret" (dict "secretName" $secret "defaultMode" $mode) }}
{{- $volumes = append $volumes (dict "dir" (printf "/run/secrets/%s" $name) "volume" $volume) }}
{{- end }}
{{- end }}
{{- toJson $volumes }}
{{- end }}

{{/* Projections of the auth tokens: those of existing Secrets, and our own. */}}
{{- define "twilio-debugger-exporter.tokenSources" -}}
{{- $sources := list }}
{{- $own := list }}
{{- range include "twilio-debugger-exporter.accounts" . | fromJsonArray }}
{{- if .items }}
{{- $sources = append $sources (dict "secret" (dict "name" .existingSecret "items" .items)) }}
{{- end }}
{{- range .inline }}{{ $own = append $own (omit . "token") }}{{ end }}
{{- end }}
{{- if $own }}
{{- $sources = append $sources (dict "secret" (dict "name" (include "twilio-debugger-exporter.ownSecretName" .) "items" $own)) }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{/* Projections of headers and certificates for the collector. */}}
{{- define "twilio-debugger-exporter.otlpSources" -}}
{{- $sources := list }}
{{- with .Values.otlp }}
{{- if .endpoint }}
{{- $items := list }}
{{- range $name, $key := .existingSecretHeaders }}
{{- $items = append $items (dict "key" $key "path" (printf "headers/%s" (lower $name))) }}
{{- end }}
{{- if $items }}{{ $sources = append $sources (dict "secret" (dict "name" .existingSecret "items" $items)) }}{{ end }}
{{- $items = list }}
{{- range $name, $_ := .headers }}
{{- $items = append $items (dict "key" (printf "otlp-header-%s" (lower $name)) "path" (printf "headers/%s" (lower $name))) }}
{{- end }}
{{- if $items }}
{{- $sources = append $sources (dict "secret" (dict "name" (include "twilio-debugger-exporter.ownSecretName" $) "items" $items)) }}
{{- end }}
{{- $items = list }}
{{- if .tls.existingSecret }}
{{- range list (ternary "" .tls.caKey (not (empty .tls.caExistingConfigMap))) .tls.certKey .tls.keyKey | compact }}
{{- $items = append $items (dict "key" . "path" (printf "tls/%s" .)) }}
{{- end }}
{{- end }}
{{- if $items }}{{ $sources = append $sources (dict "secret" (dict "name" .tls.existingSecret "items" $items)) }}{{ end }}
{{- end }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{- define "twilio-debugger-exporter.volumes" -}}
- name: config
  configMap:
    name: {{ include "twilio-debugger-exporter.fullname" . }}
{{- with .Values.persistence }}
{{- if not .enabled }}
- name: data
  emptyDir:
    {{- $emptyDir := include "twilio-debugger-exporter.withoutNulls" .emptyDir | fromYaml }}
    {{- range $field, $value := $emptyDir }}
    {{- with $value }}
    {{ $field }}: {{ . }}
    {{- end }}
    {{- end }}
    {{- if not (or .emptyDir.sizeLimit .emptyDir.medium) }} {}{{ end }}
{{- else if or .existingClaim (eq $.Values.kind "Deployment") }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .existingClaim | default (include "twilio-debugger-exporter.fullname" $) }}
{{- end }}
{{- end }}
{{- range include "twilio-debugger-exporter.secretVolumes" . | fromJsonArray }}
- {{ toYaml .volume | trim | indent 2 | trim }}
{{- end }}
{{- with .Values.extraVolumes }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{/* The claim's spec, of a StatefulSet's template and of a Deployment's claim alike. */}}
{{- define "twilio-debugger-exporter.claimSpec" -}}
{{- with .Values.persistence }}
accessModes:
  {{- toYaml .accessModes | nindent 2 }}
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
{{- with .selector }}
selector:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}
{{- end }}
