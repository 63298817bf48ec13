//! The life of a release: dry run, install, upgrade to a newer chart, rollback, uninstall.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::pods;
use super::server::Server;
use test_support::chart::{self, HELMS, Shape};

/// The kinds that the chart makes.
const KINDS: &str = "statefulsets,deployments,services,serviceaccounts,configmaps,secrets,persistentvolumeclaims,ingresses,\
    networkpolicies,poddisruptionbudgets,httproutes,servicemonitors,podmonitors,prometheusrules,grafanadashboards,grafanafolders,\
    grafanaalertrulegroups";

/// Runs Helm, which must succeed without a warning of the server: of an unknown field, of a deprecated version, of Pod Security.
fn succeed(command: &mut Command) -> String {
    let output = chart::run(command, "");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{err}", output.status);
    let warnings: Vec<_> = err.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(warnings.is_empty(), "{command:?}: {warnings:#?}");
    out.into_owned()
}

/// The chart as a later version of itself.
fn newer_chart(server: &Server) -> PathBuf {
    let mut package = chart::helm("helm4");
    package.arg("package").arg(chart::folder()).args(["--version", "99.0.0"]).arg("--destination").arg(server.folder());
    chart::succeed(&mut package, "");
    server.folder().join("twilio-debugger-exporter-99.0.0.tgz")
}

/// One release of a shape through its whole life, installed by one Helm and led on by another or the same.
fn live(server: &Server, shape: &Shape, newer: &Path, [first, then]: [&str; 2]) {
    let (release, namespace) = (&shape.name, format!("{}-{first}-{then}", shape.name));
    server.create_namespace(&namespace);
    let helm = |program: &str, verb: &[&str]| {
        let mut helm = server.helm(program);
        helm.args(verb).args(["--namespace", &namespace]);
        helm
    };
    let values = |mut command: Command| {
        command.arg("--values").arg(&shape.values);
        command
    };
    let install = |more: &[&str]| {
        let mut install = values(helm(first, &["install", release]));
        install.arg(chart::folder()).args(more);
        install
    };

    succeed(&mut install(&["--dry-run=server"]));
    assert!(server.objects_of(release, KINDS).is_empty(), "a dry run left something behind");
    succeed(&mut install(&[]));
    let installed = server.objects_of(release, KINDS);
    let workload = chart::workload(&installed).clone();
    pods::create_and_delete(server, &workload);
    for hook in chart::objects(&succeed(&mut helm(first, &["get", "hooks", release]))) {
        server.create(&hook);
        let name = hook["metadata"]["name"].as_str().expect("a name");
        let in_namespace = hook["metadata"]["namespace"].as_str().expect("a namespace");
        let mut delete = server.kubectl();
        delete.args(["delete", "pod", name, "--namespace", in_namespace, "--grace-period=0", "--force"]);
        chart::succeed(&mut delete, "");
    }

    let mut upgrade = values(helm(then, &["upgrade", release]));
    succeed(upgrade.arg(newer).args(["--set-string", "podAnnotations.upgraded=true"]));
    let annotation = |objects: &[serde_json::Value]| {
        chart::workload(objects)["spec"]["template"]["metadata"]["annotations"]["upgraded"].clone()
    };
    assert_eq!(annotation(&server.objects_of(release, KINDS)), "true", "{release}: not upgraded");

    succeed(&mut helm(then, &["rollback", release, "1"]));
    let rolled_back = server.objects_of(release, KINDS);
    assert_eq!(
        chart::workload(&rolled_back)["spec"]["template"],
        workload["spec"]["template"],
        "{release}: not rolled back"
    );
    let titles = |objects: &[serde_json::Value]| objects.iter().map(chart::title).collect::<Vec<_>>();
    assert_eq!(titles(&rolled_back), titles(&installed), "{release}");

    succeed(&mut helm(then, &["uninstall", release]));
    let left = server.objects_of(release, KINDS);
    // A claim of the chart's own stays, with the events in it, and says so.
    let (kept, forgotten): (Vec<_>, Vec<_>) = left.into_iter().partition(|object| {
        chart::kind(object) == "PersistentVolumeClaim"
            && object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    });
    assert!(forgotten.is_empty(), "{release}: {:?} left behind", titles(&forgotten));
    for claim in kept {
        let mut delete = server.kubectl();
        delete.args([
            "delete",
            "persistentvolumeclaim",
            claim["metadata"]["name"].as_str().expect("a name"),
            "--wait=false",
        ]);
        chart::succeed(delete.args(["--namespace", &namespace]), "");
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are what the run is for")]
fn every_shape_lives_under_both_helms() {
    let started = Instant::now();
    let server = Server::start();
    server.prepare();
    println!("Kubernetes {} ready after {:.0?}", server.version(), started.elapsed());
    let newer = newer_chart(&server);
    let shapes = chart::shapes();
    // Shapes side by side; the lives of one shape in turn, as some name their namespace themselves.
    let lives = [["helm3", "helm3"], ["helm4", "helm4"], ["helm3", "helm4"]];
    assert!(lives.iter().flatten().all(|program| HELMS.contains(program)));
    chart::in_parallel(shapes.clone(), |shape| {
        for life in lives {
            live(&server, &shape, &newer, life);
        }
    });
    println!(
        "{} shapes, each installed and led on by {lives:?}: dry run, install, pod, upgrade, rollback, uninstall accepted, {:.0?}",
        shapes.len(),
        started.elapsed()
    );
}

#[test]
fn anything_less_than_restricted_is_refused() {
    let server = Server::start();
    server.create_namespace("twilio");
    let objects = chart::objects_with(&[]);
    let mut workload = chart::workload(&objects).clone();
    // As in a release whose service account is there.
    workload["spec"]["template"]["spec"]["serviceAccountName"] = "default".into();
    pods::create_and_delete(&server, &workload);
    pods::refuses_anything_less(&server, &workload);
}
