# What comes from Debian's packages.
# Sourced by ../install.sh, which says where things go and in which version.

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

install_etcd() {
  extract "$tools/etcd" "etcd-server=$etcd_version*"
  ln -sf ../etcd/usr/bin/etcd "$bin/etcd"
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
