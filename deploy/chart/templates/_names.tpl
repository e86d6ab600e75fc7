{{/* The release's name, which the chart's name is part of. */}}
{{- define "sealwatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sealwatch.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "sealwatch.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What never changes, so that a selector may name it. */}}
{{- define "sealwatch.selector" -}}
app.kubernetes.io/name: {{ include "sealwatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sealwatch.labels" -}}
{{ include "sealwatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: agent
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sealwatch.serviceaccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sealwatch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/*
What both monitors do with the target's labels: the job is the one that alerts
and dashboards know, an instance is a node, and the agent's own pod gives its
names to no series, as those are the watched containers'.
*/}}
{{- define "sealwatch.relabelings" -}}
- targetLabel: job
  replacement: sealwatch
- sourceLabels: [__meta_kubernetes_pod_node_name]
  targetLabel: instance
- action: labeldrop
  regex: namespace|pod|container
{{- end -}}

{{/* One argument per value of a setting; a whole number as one, which Helm has as 1e+06. */}}
{{- define "sealwatch.setting" -}}
{{- $name := .name -}}
{{- range (kindIs "slice" .value | ternary .value (list .value)) }}
{{- $value := . -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- $value = int64 . -}}
{{- end }}
- {{ printf "--%s=%v" $name $value | quote }}
{{- end -}}
{{- end -}}
