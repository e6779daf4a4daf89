{{/* How KServe runs a bundle. The operator adds each revision's own arguments after these. */}}
{{- define "weldserve.runtime" -}}
{{- $predictor := .Values.predictor -}}
annotations:
  prometheus.io/scrape: "true"
  prometheus.io/port: "8080"
  prometheus.io/path: /metrics
supportedModelFormats:
  - name: weldserve
    version: "1"
    autoSelect: true
    priority: 1
protocolVersions: [v2]
multiModel: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $predictor.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $predictor.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $predictor.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: temporary
    emptyDir:
      sizeLimit: 256Mi
containers:
  - name: kserve-container
    image: {{ include "weldserve.image" (dict "root" . "image" $predictor.image) | quote }}
    imagePullPolicy: {{ $predictor.image.pullPolicy }}
    command: [python3, -m, weld_predictor]
    args:
      - --bundle=/mnt/models
      # Where the operator mounts what tells whom to shadow.
      - --shadow-folder=/etc/weldserve/shadow
      - --listen-address=0.0.0.0
      - --http-port=8080
      - --grpc-port=8081
      - --termination-log=/dev/termination-log
    {{- with $predictor.env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      # KServe's Service takes the names, and gateways the protocol from them: HTTP/1.1, and HTTP/2 in clear for gRPC.
      - name: http1
        containerPort: 8080
        protocol: TCP
      - name: h2c
        containerPort: 8081
        protocol: TCP
    # Loading, verifying and warming up; afterwards the two others count.
    startupProbe:
      httpGet: {path: /v2/health/ready, port: 8080}
      periodSeconds: 1
      timeoutSeconds: 1
      failureThreshold: 300
    readinessProbe:
      httpGet: {path: /v2/health/ready, port: 8080}
      periodSeconds: 2
      timeoutSeconds: 1
      failureThreshold: 2
    livenessProbe:
      httpGet: {path: /v2/health/live, port: 8080}
      periodSeconds: 10
      timeoutSeconds: 2
      failureThreshold: 3
    {{- with $predictor.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "weldserve.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - name: temporary
        mountPath: /tmp
{{- end -}}
