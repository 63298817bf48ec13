//! The routes for Alertmanager that `grafana/README.md` proposes, asked by amtool who is told of each alert.

use crate::bench::{Bench, everything};
use crate::prometheus;
use crate::rendered::text;

/// The proposal, made a whole configuration: whoever copies it has receivers, and one for everything else.
fn configuration() -> String {
    let readme = text("grafana/README.md");
    let (_, section) = readme.split_once("\n## Alertmanager\n").expect("a section");
    let (_, block) = section.split_once("```yaml\n").expect("an example");
    let (routes, _) = block.split_once("```").expect("its end");
    let whole = routes.replacen("route:\n", "route:\n  receiver: nobody\n", 1);
    format!("{whole}receivers: [{{name: nobody}}, {{name: on-call}}, {{name: team}}]\n")
}

#[test]
fn every_alert_reaches_somebody_by_its_urgency() {
    let bench = Bench::new();
    bench.write("alertmanager.yml", &configuration());
    bench.passes("amtool", &["check-config", "alertmanager.yml"]);
    for (_, rule) in prometheus::parse(&everything()).rules() {
        let label = |name: &str| rule.labels.get(name).map_or("", String::as_str);
        let urgent = label("priority") == "high" || label("severity") == "critical";
        let receiver = if urgent { "on-call" } else { "team" };
        let mut arguments = ["config", "routes", "test", "--config.file=alertmanager.yml"].map(str::to_owned).to_vec();
        arguments.push(format!("--verify.receivers={receiver}"));
        arguments.push(format!("alertname={}", rule.alert));
        arguments.extend(rule.labels.iter().map(|(name, value)| format!("{name}={value}")));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        bench.passes("amtool", &arguments);
    }
}
