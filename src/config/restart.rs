//! What a reload can change and what needs a new process.

use secrecy::{ExposeSecret as _, SecretString};

use super::Settings;
use crate::otlp;

impl Settings {
    /// The settings that differ in `new` and are only read at the start; empty when a reload is enough.
    ///
    /// Sockets are bound, the store is open, the exporters are connected and the series are counted: they keep what they were
    /// started with.
    /// Certificates, passwords and tokens are read again with every reload, whatever their files are called.
    #[must_use]
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let changed = [
            ("webhook.listen", self.webhook.listen != new.webhook.listen),
            ("telemetry.listen", self.telemetry.listen != new.telemetry.listen),
            ("telemetry.web_config_file", self.telemetry.web_config_file != new.telemetry.web_config_file),
            ("store.dir", self.store.dir != new.store.dir),
            ("metrics", self.metrics != new.metrics),
            ("otlp", !same_destination(self.otlp.as_ref(), new.otlp.as_ref())),
            ("otlp.traces", !same_destination(self.traces.as_ref(), new.traces.as_ref())),
            ("log", self.log != new.log),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
    }
}

fn same_destination(old: Option<&otlp::Settings>, new: Option<&otlp::Settings>) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return old.is_none() == new.is_none() };
    // Taken apart, so that a setting added later cannot be forgotten here.
    let otlp::Settings {
        endpoint,
        protocol,
        headers,
        gzip,
        timeout,
        tls,
        batch_records_max,
        batch_bytes_max,
        resource,
    } = old;
    let pairs = |headers: &[(String, SecretString)]| -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    };
    *endpoint == new.endpoint
        && *protocol == new.protocol
        && pairs(headers) == pairs(&new.headers)
        && *gzip == new.gzip
        && *timeout == new.timeout
        && *tls == new.tls
        && *batch_records_max == new.batch_records_max
        && *batch_bytes_max == new.batch_bytes_max
        && *resource == new.resource
}
