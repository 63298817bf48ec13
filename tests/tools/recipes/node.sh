# What comes from npm.
# Sourced by ../install.sh, which says where things go and in which version.

install_sdk-node() {
  mkdir -p "$tools/node"
  cp "$root"/tests/sdk/package{,-lock}.json "$tools/node/"
  cd "$tools/node"
  npm ci --ignore-scripts --no-audit --no-fund
}

# Grafana's grammar of LogQL and Prometheus' of PromQL, as their query editors have them.
install_grammars() {
  mkdir -p "$tools/grammars"
  cp "$root"/tests/grafana/grammar/package{,-lock}.json "$tools/grammars/"
  cd "$tools/grammars"
  npm ci --ignore-scripts --no-audit --no-fund
}
