//! The real binary, from outside: what users, Twilio, Prometheus and a collector see of it.
//!
//! Every test starts its own exporter on ports and a data directory of its own and waits for conditions, never for time to
//! pass. The tools they need (Prometheus, a collector, Twilio's SDKs) are put into `.tools/` by `make tools`.

mod collector;
mod crash;
mod delivery;
mod disk;
mod store;
mod support;
mod webhook;
