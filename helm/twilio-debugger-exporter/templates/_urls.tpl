{{/* URLs, taken apart as they are typed: nothing is decoded, and what is no URL is for the checks to name. */}}

{{/* Scheme, host, port, path and query, as JSON; each empty where it is not there. */}}
{{- define "twilio-debugger-exporter.url" -}}
{{- $scheme := regexFind "^[A-Za-z][A-Za-z0-9+.-]*://" . }}
{{- $rest := regexReplaceAll "#.*$" (trimPrefix $scheme .) "" }}
{{- $authority := regexFind "^[^/?]*" $rest }}
{{- $target := trimPrefix $authority $rest }}
{{- $port := regexFind ":[0-9]*$" $authority }}
{{- dict
  "scheme" ($scheme | trimSuffix "://" | lower)
  "host" (trimSuffix $port $authority | trimPrefix "[" | trimSuffix "]")
  "port" (trimPrefix ":" $port)
  "path" (regexFind "^[^?]*" $target)
  "query" (regexReplaceAll "^[^?]*[?]?" $target "")
  | toJson }}
{{- end }}

{{/*
What is wrong with a URL: "userinfo", so that nobody repeats a password, or "invalid", by the same characters as the exporter refuses; nothing for
a good one. Takes a dict: url, schemes (the pattern of what comes before the host).
*/}}
{{- define "twilio-debugger-exporter.faultOfUrl" -}}
{{- $host := "(\\[[0-9A-Fa-f:.]+\\]|[^]\\s/?#@:\"<>\\\\^`{|}[]+)" }}
{{- if regexMatch "^([^/]*//)?[^/?#]*@" .url }}
userinfo
{{- else if not (regexMatch (printf "^(?i)%s%s(:[0-9]{1,5})?([/?#][^\\s\"<>\\\\^`{|}]*)?$" .schemes $host) .url) }}
invalid
{{- end }}
{{- end }}
