# What comes from the Rust crate registry, built here.
# Sourced by ../install.sh, which says where things go and in which version.

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
