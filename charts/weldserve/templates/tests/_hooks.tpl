{{/* What a test needs is made before it, and goes after it. */}}
{{- define "weldserve.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* Lets the test see which WeldModels there are: root, component, name, kind, and namespace where it has one. */}}
{{- define "weldserve.testRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  {{- include "weldserve.metadata" . | nindent 2 }}
  annotations:
    {{- include "weldserve.testHook" . | nindent 4 }}
rules:
  - apiGroups: [weldserve.io]
    resources: [weldmodels]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  {{- include "weldserve.metadata" . | nindent 2 }}
  annotations:
    {{- include "weldserve.testHook" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
