{{/* What the operator does in a namespace of the country; PERMISSIONS.md says which code needs each. */}}
{{- define "weldserve.rules" -}}
- apiGroups: [weldserve.io]
  resources: [weldmodels]
  verbs: [get, list, watch]
- apiGroups: [weldserve.io]
  resources: [weldmodels/status]
  verbs: [patch]
# Where the admission plugin OwnerReferencesPermissionEnforcement is on, an object whose owner is a WeldModel, with
# blockOwnerDeletion, may be written only by who could set the WeldModel's finalizers. The operator sets none.
- apiGroups: [weldserve.io]
  resources: [weldmodels/finalizers]
  verbs: [update]
# Server-side apply is a patch, and a create where there is no such object yet.
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# What tells the predictors of a stable revision whom they shadow.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch]
# Why a revision is not ready stands in its Pods, and so do the addresses of a candidate.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- with .Values.remoteClusters }}
# How to reach the clusters of regions, and a finalizer that waits until what is there is deleted.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
- apiGroups: [weldserve.io]
  resources: [weldmodels]
  verbs: [patch]
{{- end }}
{{- end -}}

{{/* What an operator of another cluster does in a namespace here; PERMISSIONS.md says which code needs each. */}}
{{- define "weldserve.remoteRules" -}}
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# What everything else belongs to, and what tells the predictors of a stable revision whom they shadow.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end -}}

{{/* Binds a role of this name and kind to the operator: root, component, name, kind, namespace where it has one, and account
where it is another one's. */}}
{{- define "weldserve.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  {{- include "weldserve.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account | default (include "weldserve.operator" .root) }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
