//! The Helm chart before a real Kubernetes API server: every shape is installed, upgraded, rolled back and uninstalled by Helm 3
//! and Helm 4, and the admission of the restricted Pod Security level judges its pods.
//!
//! Nothing runs the pods: there is an API server with its etcd and no node. `make tools` installs both; `make test-cluster` runs this alone.

mod life;
mod pods;
mod server;
