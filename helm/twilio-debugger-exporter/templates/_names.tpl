{{/* Names, labels and the image. */}}

{{- define "twilio-debugger-exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: a StatefulSet adds 11 to it in a label of its pods, and a service of ours 10. */}}
{{- define "twilio-debugger-exporter.fullname" -}}
{{- $name := include "twilio-debugger-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "twilio-debugger-exporter.serviceAccountName" -}}
{{- $own := ternary (include "twilio-debugger-exporter.fullname" .) "default" .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default $own }}
{{- end }}

{{/* Selectors cannot be changed after the install, so they hold what never changes: these two. */}}
{{- define "twilio-debugger-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "twilio-debugger-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "twilio-debugger-exporter.labels" -}}
{{- $own := include "twilio-debugger-exporter.selectorLabels" . | fromYaml }}
{{- $own = merge $own (dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.Chart.AppVersion | toString)
  "app.kubernetes.io/managed-by" .Release.Service) }}
{{- merge $own (.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{/* The metadata of an object. Takes a dict: root, and optionally name, namespace, labels and annotations, which win over ours. */}}
{{- define "twilio-debugger-exporter.metadata" -}}
{{- $labels := merge (dict) (.labels | default dict) (include "twilio-debugger-exporter.labels" .root | fromYaml) }}
{{- $annotations := merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
name: {{ .name | default (include "twilio-debugger-exporter.fullname" .root) }}
namespace: {{ .namespace | default (include "twilio-debugger-exporter.namespace" .root) }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "twilio-debugger-exporter.image" -}}
{{- $registry := (.Values.global | default dict).imageRegistry | default .Values.image.registry }}
{{- $image := list $registry .Values.image.repository | compact | join "/" }}
{{- $image = printf "%s:%s" $image (.Values.image.tag | default .Chart.AppVersion | toString) }}
{{- with .Values.image.digest }}{{ $image = printf "%s@%s" $image . }}{{ end }}
{{- $image }}
{{- end }}

{{- define "twilio-debugger-exporter.imagePullSecrets" -}}
{{- $secrets := list }}
{{- range concat ((.Values.global | default dict).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) }}
{{- $secrets = append $secrets (ternary . (dict "name" .) (kindIs "map" .)) }}
{{- end }}
{{- with $secrets | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A map without its nulls: a null in a parent chart's values does not always take the key away. */}}
{{- define "twilio-debugger-exporter.withoutNulls" -}}
{{- $kept := dict }}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $kept $key $value }}{{ end }}
{{- end }}
{{- toYaml $kept }}
{{- end }}

{{- define "twilio-debugger-exporter.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext | default dict }}
{{- /* OpenShift gives each namespace groups of its own and refuses others. */}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}{{ $context = omit $context "fsGroup" }}{{ end }}
{{- include "twilio-debugger-exporter.withoutNulls" $context }}
{{- end }}

{{- define "twilio-debugger-exporter.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
