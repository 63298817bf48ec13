# What comes from the Go module proxy, built here.
# Sourced by ../install.sh, which says where things go and in which version.

# refuse_agpl PACKAGE...: fails if any module that would go into these programs is under the AGPL. The text of the GPL names it too,
# but not in capitals.
refuse_agpl() {
  local folders folder
  folders=$(go list -deps -f '{{with .Module}}{{.Dir}}{{end}}' "$@" | sort -u)
  for folder in $folders; do
    if grep -qs 'GNU AFFERO GENERAL PUBLIC LICENSE' "$folder"/LICEN[CS]E* "$folder"/COPYING*; then die "$folder is under the AGPL"; fi
  done
}

# Without service discovery for the clouds (remove_all_sd), whose clients would be most of the build; files and HTTP remain.
# The web pages are not in the Go module; the API is.
install_prometheus3() {
  local program
  cd "$root/tests/tools/prometheus"
  refuse_agpl -tags remove_all_sd github.com/prometheus/prometheus/cmd/{prometheus,promtool}
  for program in prometheus promtool; do
    CGO_ENABLED=0 go build -trimpath -tags remove_all_sd \
      -ldflags "-s -w -X github.com/prometheus/common/version.Version=$(version_of prometheus3)" \
      -o "$bin/${program}3" "github.com/prometheus/prometheus/cmd/$program"
  done
}

# go_tools FOLDER VARIABLE PACKAGE...: builds the packages of a module below tests/tools/, and tells them their version.
go_tools() {
  local folder=$1 version="-X $2=v$(version_of "$1")"
  shift 2
  cd "$root/tests/tools/$folder"
  refuse_agpl "$@"
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $version" -o "$bin/" "$@"
}

# Debian's finds its templates only where a package puts them.
install_alertmanager() {
  local module=github.com/prometheus
  go_tools alertmanager "$module/common/version.Version" "$module"/alertmanager/cmd/{alertmanager,amtool}
}

# Debian's is of before keep_firing_for.
install_victoriametrics() {
  local module=github.com/VictoriaMetrics/VictoriaMetrics
  go_tools victoriametrics "$module/lib/buildinfo.Version" "$module"/app/{victoria-metrics,vmalert,vmalert-tool}
}

install_victorialogs() {
  local module=github.com/VictoriaMetrics
  go_tools victorialogs "$module/VictoriaMetrics/lib/buildinfo.Version" "$module/VictoriaLogs/app/victoria-logs"
}

install_pint() {
  go_tools pint main.version github.com/cloudflare/pint/cmd/pint
}

install_otelcol() {
  local work builder
  builder=go.opentelemetry.io/collector/cmd/builder@v$(version_of otelcol)
  work=$(mktemp -d)
  # The builder writes its sources to dist.output_path, which may differ per machine and so is not in the manifest.
  sed "s|^dist:|&\n  output_path: $work|" "$root/tests/tools/otelcol.yaml" >"$work/manifest.yaml"
  # Outside the repository, where no go.mod of ours is in reach.
  cd "$work"
  CGO_ENABLED=0 go run "$builder" --config "$work/manifest.yaml"
  refuse_agpl .
  install "$work/otelcol" "$bin/otelcol"
  rm -rf "$work"
}

# By its own go.mod and go.sum, so with the replacement in them, and without its reader of V2 dashboards and its parser of LogQL:
# see the files that stand in for them.
install_dashboard-linter() {
  local work source
  work=$(mktemp -d)
  # Outside the repository, where no go.mod of ours is in reach.
  cd "$work"
  source=$(go mod download -json "github.com/grafana/dashboard-linter@v$(version_of dashboard-linter)" |
    sed -nE 's/.*"Dir": "(.*)".*/\1/p')
  cp -r "$source/." .
  chmod -R u+w .
  cp "$root/tests/tools/dashboard-linter/v2.go" lint/v2.go
  cp "$root/tests/tools/dashboard-linter/logql.go" lint/rule_target_logql_auto.go
  refuse_agpl .
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$bin/dashboard-linter" .
  rm -rf "$work"
}

install_helm-docs() {
  go_tools helm-docs main.version github.com/norwoodj/helm-docs/cmd/helm-docs
}

install_helm-unittest() {
  go_tools helm-unittest main.version github.com/helm-unittest/helm-unittest/cmd/helm-unittest
}

# module_folder MODULE VERSION: prints where Go keeps the module's files.
module_folder() {
  (cd / && go mod download -json "$1@v$2") | sed -nE 's/^\t"Dir": "(.*)",$/\1/p'
}

# The definitions themselves, as their projects publish them, and not schemas derived from them.
install_crds() {
  local operator gateway grafana
  operator=$(module_folder github.com/prometheus-operator/prometheus-operator "$prometheus_operator_version")
  gateway=$(module_folder sigs.k8s.io/gateway-api "$gateway_api_version")
  grafana=$(module_folder github.com/grafana/grafana-operator/v5 "$grafana_operator_version")
  rm -rf "$tools/crds"
  install -D --mode=644 -t "$tools/crds" \
    "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml \
    "$gateway/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" \
    "$grafana"/config/crd/bases/grafana.integreatly.org_grafana{alertrulegroups,dashboards,folders}.yaml
}

install_kube-apiserver() {
  go_tools kube-apiserver k8s.io/component-base/version.gitVersion k8s.io/kubernetes/cmd/kube-apiserver
}
