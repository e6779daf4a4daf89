{{/* Peers of a policy: every Pod of these namespaces. */}}
{{- define "weldserve.namespaces" -}}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end -}}

{{/* A selector of these namespaces; of all where there are none, as in a release for the whole cluster. */}}
{{- define "weldserve.anyOfNamespaces" -}}
{{- if . -}}
{{- $named := dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" . -}}
{{- dict "matchExpressions" (list $named) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* A rule that lets names be looked up. */}}
{{- define "weldserve.names" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}
