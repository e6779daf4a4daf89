{{/*
What a schema cannot say: rules over several values, and over what is in the cluster. Each failure is one sentence.
*/}}
{{- define "weldserve.validate" -}}
{{- if not .Values.country -}}
{{- fail "country is missing: name the country that this release is for, such as country=br" -}}
{{- end -}}
{{- if and .Values.clusterWide .Values.namespaces -}}
{{- fail (printf "namespaces=%s stands beside clusterWide=true: a release looks after the namespaces that it names, or after all" (join "," .Values.namespaces)) -}}
{{- end -}}
{{- if not (or .Values.clusterWide .Values.namespaces) -}}
{{- fail "namespaces is empty: name the namespaces that the country may use, such as namespaces={plant-a}, or set clusterWide=true" -}}
{{- end -}}
{{- if and .Values.clusterWide (not .Values.runtime.clusterWide) -}}
{{- fail "runtime.clusterWide=false does not go with clusterWide=true: without named namespaces the runtime must be cluster-wide" -}}
{{- end -}}
{{- if not .Values.clusterWide -}}
{{- range .Values.test.namespaces -}}
{{- if not (has . $.Values.namespaces) -}}
{{- fail (printf "test.namespaces has %s, which is not one of the country's namespaces (%s)" . (join ", " $.Values.namespaces)) -}}
{{- end -}}
{{- end -}}
{{- range .Values.namespaces -}}
{{- include "weldserve.validate.unclaimed" (dict "root" $ "namespace" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.published.route.enabled .Values.published.tlsSecret -}}
{{- fail "published.route.enabled=true does not go with published.tlsSecret: the Gateway ends TLS, and would meet TLS again behind it" -}}
{{- end -}}
{{- if and .Values.published.route.enabled (not .Values.published.enabled) -}}
{{- fail "published.route.enabled=true needs published.enabled=true: nothing would answer behind the route" -}}
{{- end -}}
{{- if and .Values.remoteAccess.enabled .Values.clusterWide -}}
{{- fail "remoteAccess.enabled=true does not go with clusterWide=true: another cluster's operator gets rights in named namespaces alone" -}}
{{- end -}}
{{- if not (or .Values.operator.enabled .Values.remoteAccess.enabled) -}}
{{- fail "operator.enabled=false stands without remoteAccess.enabled=true: nobody would serve anything here" -}}
{{- end -}}
{{- if and .Values.operator.replicas (lt (int .Values.operator.replicas) (int .Values.operator.shards)) -}}
{{- fail (printf "operator.replicas=%d is below operator.shards=%d: a shard without a replica would be looked after by nobody; one more replica than shards can take over" (int .Values.operator.replicas) (int .Values.operator.shards)) -}}
{{- end -}}
{{- if and .Values.remoteClusters (not .Values.operator.enabled) -}}
{{- fail (printf "remoteClusters=%s does not go with operator.enabled=false: there is no operator that would reach them" (join "," .Values.remoteClusters)) -}}
{{- end -}}
{{- $monitoring := .Values.monitoring -}}
{{- if and (or $monitoring.serviceMonitor.enabled $monitoring.prometheusRule.enabled) (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.serviceMonitor.enabled or monitoring.prometheusRule.enabled is true, but the cluster does not know monitoring.coreos.com/v1: install the Prometheus operator first, or switch them off" -}}
{{- end -}}
{{- end -}}

{{/* A namespace belongs to one release: the RoleBinding that an operator has in it says which. */}}
{{- define "weldserve.validate.unclaimed" -}}
{{- $root := .root -}}
{{- $namespace := .namespace -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace "").items -}}
{{- $labels := .metadata.labels | default dict -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- if eq (get $labels "app.kubernetes.io/name") "weldserve-models" -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $home := get $annotations "meta.helm.sh/release-namespace" -}}
{{- if not (and (eq $release $root.Release.Name) (eq $home $root.Release.Namespace)) -}}
{{- fail (printf "namespaces has %s, which belongs to country %s already (release %s in %s)" $namespace (get $labels "weldserve.io/country") $release $home) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
