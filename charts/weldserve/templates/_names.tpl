{{/* The release's name, with the chart's in it. */}}
{{- define "weldserve.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "weldserve.operator" -}}
{{ include "weldserve.fullname" . }}-operator
{{- end -}}

{{/* By which the operator knows its own regions; empty where it serves those of every country. */}}
{{- define "weldserve.countryCode" -}}
{{- if .Values.countryCode -}}
{{- .Values.countryCode -}}
{{- else if regexMatch "^[a-z]{2}$" .Values.country -}}
{{- upper .Values.country -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of predictors whose WeldModel names none; empty where the namespace's default is to be used: a release
for the whole cluster makes none, as nobody knows the namespaces. */}}
{{- define "weldserve.predictorAccount" -}}
{{- if .Values.storage.serviceAccount.name -}}
{{- .Values.storage.serviceAccount.name -}}
{{- else if and .Values.storage.serviceAccount.create (not .Values.clusterWide) -}}
{{- include "weldserve.fullname" . }}-predictor
{{- end -}}
{{- end -}}

{{/* Labels of every object; .component where it has one. */}}
{{- define "weldserve.labels" -}}
{{ include "weldserve.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: weldserve
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
weldserve.io/country: {{ .root.Values.country | quote }}
{{- end -}}

{{/* Labels that never change, for selectors. */}}
{{- define "weldserve.selector" -}}
app.kubernetes.io/name: weldserve-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{/* Name, namespace and labels of an object: root, component, name, and namespace where it has one. */}}
{{- define "weldserve.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "weldserve.labels" . | nindent 2 }}
{{- end -}}

{{- define "weldserve.image" -}}
{{- with .image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* What a container of ours may do: nothing that it does not need. */}}
{{- define "weldserve.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "weldserve.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Texts as a list's elements in CEL. */}}
{{- define "weldserve.quoted" -}}
{{- $texts := list -}}
{{- range . -}}
{{- $texts = append $texts (printf "'%s'" .) -}}
{{- end -}}
{{- join ", " $texts -}}
{{- end -}}
