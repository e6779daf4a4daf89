{{/* Peers of a policy: every Pod of these namespaces. */}}
{{- define "weldserve.namespaces" -}}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end -}}

{{/* A rule that lets names be looked up. */}}
{{- define "weldserve.names" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}
