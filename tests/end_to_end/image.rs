//! The container image: what is in it, and that a container of it does its work unprivileged, on a read-only root, with nothing around
//! it. It is made from the Dockerfile's final stage and the release binary; see `tests/support/src/image.rs` for what stands in for the rest.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::json;
use tempfile::TempDir;

use test_support::collector::{Collector, attributes};
use test_support::container::{Container, Launch, Mount, USER};
use test_support::dns::Dns;
use test_support::event::PUBLIC_URL;
use test_support::image::Image;
use test_support::namespace::Namespace;
use test_support::post::{self, Post};
use test_support::process::tool;
use test_support::scripted::Protocol;
use test_support::{ACCOUNT, Event, Scrape, TOKEN, repository, wait};

/// Where the image keeps its store.
const STORE: &str = "/var/lib/twilio-debugger-exporter";

/// What the image may take, uncompressed.
const BYTES_MAX: u64 = 20 << 20;

/// A new volume, as an engine makes it: with the owner that the folder has in the image.
fn volume() -> TempDir {
    let volume = tempfile::tempdir().expect("a temporary folder");
    let owner = Image::get().root.join(&STORE[1..]).metadata().expect("the image has the folder");
    chown(volume.path(), Some(owner.uid()), Some(owner.gid())).expect("this test needs root");
    volume
}

/// `docker run --read-only` with a volume and what has no default.
fn launch(volume: &TempDir, arguments: &[&str]) -> Launch {
    let variables = [("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", TOKEN), ("PUBLIC_URL", PUBLIC_URL)];
    Launch {
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        mounts: vec![Mount { from: volume.path().to_owned(), to: STORE.to_owned(), read_only: false }],
        ..Launch::default()
    }
}

async fn ready(network: &Namespace) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}:9979/-/ready", network.inside);
    wait::until("readiness", || async {
        client.get(&url).send().await.ok().filter(|answer| answer.status() == 200).map(drop)
    })
    .await;
}

async fn counted(network: &Namespace) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let page = client.get(format!("http://{}:9979/metrics", network.inside)).send().await.expect("it answers");
    Scrape::parse(&page.text().await.expect("text")).sum("twilio_debugger_events_total")
}

async fn post_to(network: &Namespace, event: &Event) {
    let answers = post::all(SocketAddr::from((network.inside, 8080)), vec![Post::of(event)]).await;
    assert_eq!(answers, [Some(204)]);
}

async fn drains(mut container: Container) {
    container.process.signal("TERM");
    assert_eq!(container.process.ended().await.code(), Some(0), "{}", container.process.output());
    container.process.line_of_the_end("drained").await;
}

/// Everything below `folder`: kind and mode, owner, path.
fn listing(folder: &Path, below: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let metadata = path.symlink_metadata().expect("readable");
        let (mode, owner, group) = (metadata.permissions().mode(), metadata.uid(), metadata.gid());
        found.push(format!("{mode:o} {owner}:{group} /{}", path.strip_prefix(below).expect("below").display()));
        if metadata.is_dir() {
            listing(&path, below, found);
        }
    }
}

/// Nothing that could be run beside the exporter, and nothing that the exporter could change but its store.
#[test]
#[allow(clippy::print_stdout, reason = "the size is a figure that people ask for")]
fn the_image_holds_four_files_and_a_folder() {
    let image = Image::get();
    let mut found = Vec::new();
    listing(&image.root, &image.root, &mut found);
    found.sort_by(|a, b| a.split(' ').next_back().cmp(&b.split(' ').next_back()));
    let expected = [
        "40755 0:0 /etc",
        "100644 0:0 /etc/nsswitch.conf",
        "40755 0:0 /etc/ssl",
        "40755 0:0 /etc/ssl/certs",
        "100644 0:0 /etc/ssl/certs/ca-certificates.crt",
        "40755 0:0 /etc/twilio-debugger-exporter",
        "100644 0:0 /etc/twilio-debugger-exporter/config.yaml",
        "100755 0:0 /twilio-debugger-exporter",
        "40755 0:0 /var",
        "40755 0:0 /var/lib",
        "40755 65532:65532 /var/lib/twilio-debugger-exporter",
    ];
    assert_eq!(found, expected);

    let authorities = fs::read_to_string(image.root.join("etc/ssl/certs/ca-certificates.crt")).expect("text");
    assert!(authorities.matches("BEGIN CERTIFICATE").count() > 100, "the authorities of the web");
    let linked = Command::new("ldd").arg(&image.binary).output().expect("ldd exists");
    assert!(String::from_utf8_lossy(&linked.stdout).contains("statically linked"), "{linked:?}");
    let files = found.iter().filter(|line| line.starts_with("100")).filter_map(|line| line.split(" /").nth(1));
    let bytes: u64 = files.map(|path| image.root.join(path).metadata().expect("listed").len()).sum();
    println!("the image's files take {:.1} MiB", bytes as f64 / f64::from(1 << 20));
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

#[test]
fn the_image_says_who_it_is_and_what_it_runs() {
    let config = &Image::get().config;
    assert_eq!(config["User"], "65532:65532", "numeric: Kubernetes cannot tell who a name is");
    assert_eq!(config["Entrypoint"], json!(["/twilio-debugger-exporter"]), "no shell in between");
    assert!(config["Cmd"].is_null());
    assert_eq!(config["ExposedPorts"], json!({"8080/tcp": {}, "9979/tcp": {}}));
    assert_eq!(config["Volumes"], json!({ STORE: {} }));
    assert_eq!(config["WorkingDir"], STORE);
    let labels = config["Labels"].as_object().expect("labels");
    let label = |name: &str| labels.get(&format!("org.opencontainers.image.{name}")).and_then(|value| value.as_str());
    assert_eq!(label("title"), Some(env!("CARGO_PKG_NAME")));
    assert_eq!(label("description"), Some(env!("CARGO_PKG_DESCRIPTION")));
    assert_eq!(label("source"), Some(env!("CARGO_PKG_REPOSITORY")));
    assert_eq!(label("licenses"), Some(env!("CARGO_PKG_LICENSE")));
    assert_eq!(label("version"), Some(env!("CARGO_PKG_VERSION")));
    let revision = Regex::new("^[0-9a-f]{12}$").expect("a pattern");
    assert!(label("revision").is_some_and(|found| revision.is_match(found)), "{labels:?}");
}

#[tokio::test]
async fn a_container_takes_an_event_and_drains_unprivileged_on_a_read_only_root() {
    let (network, volume) = (Namespace::new(), volume());
    let container = Container::start(&network, &launch(&volume, &[]));
    ready(&network).await;
    post_to(&network, &Event::new(1, "11200")).await;
    assert_eq!(counted(&network).await, 1.0);

    let user = USER.to_string();
    assert_eq!(container.status("Uid"), [&*user; 4].join(" "));
    assert_eq!(container.status("Gid"), [&*user; 4].join(" "));
    assert_eq!(container.status("CapBnd"), "0000000000000000");
    let elsewhere = container.exec(&["/twilio-debugger-exporter", "demo", "--store.dir", "/elsewhere"]);
    assert_ne!(elsewhere.status.code(), Some(0), "the root can be written: {elsewhere:?}");
    // Whoever looks into a container need not say where things are.
    let listed = container.exec(&["/twilio-debugger-exporter", "events"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("11200"), "{listed:?}");
    drains(container).await;

    // The next one finds the volume; flags need not repeat what the image says.
    let container = Container::start(&network, &launch(&volume, &["serve", "--log.format=json"]));
    ready(&network).await;
    assert_eq!(counted(&network).await, 1.0);
    drains(container).await;
}

/// A mounted file is the whole configuration: nothing of the image's environment wins over it.
#[tokio::test]
async fn a_mounted_file_is_in_charge() {
    let (network, volume, files) = (Namespace::new(), volume(), tempfile::tempdir().expect("a temporary folder"));
    let file = files.path().join("config.yaml");
    let listen = format!("{}:9000", network.inside);
    fs::write(&file, format!("telemetry: {{listen: '{listen}'}}\nstore: {{dir: {STORE}/elsewhere}}\n"))
        .expect("writable");
    let mut launch = launch(&volume, &[]);
    let to = "/etc/twilio-debugger-exporter/config.yaml".to_owned();
    launch.mounts.push(Mount { from: file, to, read_only: true });
    let mut container = Container::start(&network, &launch);
    let line = container.process.line_with("listening for scrapes").await;
    assert!(line.contains(&listen), "{line}");
    assert!(volume.path().join("elsewhere/events.db").exists());
    drains(container).await;
}

/// There is no /tmp, which the demo wants.
#[tokio::test]
async fn the_demo_runs_in_a_container() {
    let (network, volume) = (Namespace::new(), volume());
    let mut container = Container::start(&network, &launch(&volume, &["demo"]));
    container.process.line_with("twilio_debugger_events_total{error_code=\"11200\"").await;
    container.process.signal("TERM");
    assert_eq!(container.process.ended().await.code(), Some(0), "{}", container.process.output());
}

/// A static glibc can find names only if the image tells it how, and rustls finds the authorities only where they usually are.
#[tokio::test]
async fn a_container_finds_its_collector_by_name_and_trusts_it_by_its_authority() {
    let network = Namespace::new();
    let collector = Collector::start_named(network.outside, &["collector.monitoring", "collector"]).await;
    let _dns = Dns::start(network.outside, &[("collector.monitoring.svc.cluster.local", network.outside)]).await;
    let files = tempfile::tempdir().expect("a temporary folder");
    let resolv =
        format!("search twilio.svc.cluster.local svc.cluster.local\nnameserver {}\noptions ndots:5\n", network.outside);
    let hosts = format!("127.0.0.1 localhost\n{} collector\n", network.outside);
    // By DNS through a search list, and by a line that DNS knows nothing of.
    for (number, (name, protocol)) in
        [("collector.monitoring", Protocol::Grpc), ("collector", Protocol::Http)].into_iter().enumerate()
    {
        let volume = volume();
        let mut launch = launch(&volume, &[]);
        let endpoint = collector.endpoint_at(name, protocol);
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.name())];
        launch.environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, content) in [("resolv.conf", &resolv), ("hosts", &hosts)] {
            fs::write(files.path().join(name), content).expect("writable");
            let from = files.path().join(name);
            launch.mounts.push(Mount { from, to: format!("/etc/{name}"), read_only: true });
        }
        // The collector's own authority in the place of the web's.
        let to = "/etc/ssl/certs/ca-certificates.crt".to_owned();
        launch.mounts.push(Mount { from: collector.file("ca.pem"), to, read_only: true });

        let container = Container::start(&network, &launch);
        ready(&network).await;
        let event = Event::new(number as u64, "11200");
        post_to(&network, &event).await;
        let records = collector.has_records(number + 1).await;
        assert_eq!(attributes(&records[number]["record"])["log.record.uid"], event.get("Sid"));
        drains(container).await;
    }
}

#[test]
fn the_dockerfile_has_no_findings() {
    let dockerfile = repository().join("Dockerfile");
    let found = Command::new(tool("hadolint")).arg(dockerfile).output();
    let found = found.unwrap_or_else(|error| panic!("cannot start hadolint: {error}; run `make tools`"));
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
}

/// What the Dockerfile's first stage copies, by its path from the root.
fn copied_by_the_first_stage() -> Vec<String> {
    let dockerfile = fs::read_to_string(repository().join("Dockerfile")).expect("it is there");
    let (first, _) = dockerfile.split_once("FROM scratch").expect("two stages");
    let instructions = first.lines().filter_map(|line| line.strip_prefix("COPY "));
    instructions.flat_map(|line| line.split(' ').rev().skip(1)).map(str::to_owned).collect()
}

/// The workspace has members that the image does not need, and cargo reads their manifests all the same.
#[test]
fn cargo_is_content_with_what_the_first_stage_has() {
    let stage = tempfile::tempdir().expect("a temporary folder");
    let mut copy = Command::new("cp");
    copy.current_dir(repository()).args(["--recursive", "--parents"]).args(copied_by_the_first_stage());
    assert!(copy.arg(stage.path()).status().expect("cp exists").success());
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(stage.path()).args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    let output = metadata.output().expect("cargo runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What cargo reads and what the sources include from outside their folder is not missed before somebody builds the image.
#[test]
fn the_first_stage_has_every_file_that_the_build_reads() {
    let root = repository();
    let ignored = fs::read_to_string(root.join(".dockerignore")).expect("it is there");
    let copied: Vec<_> = copied_by_the_first_stage().iter().map(|path| root.join(path)).collect();
    for read in ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml", "image/build.sh"] {
        assert!(copied.iter().any(|copied| root.join(read).starts_with(copied)), "{read} is not copied");
    }
    for path in &copied {
        assert!(path.exists(), "{}", path.display());
        let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8");
        let taken = ignored.lines().filter_map(|line| line.strip_prefix('!'));
        assert!(taken.into_iter().any(|taken| Path::new(name).starts_with(taken)), ".dockerignore leaves {name} out");
    }
    let include = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).expect("a pattern");
    let mut folders = vec![root.join("src")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("readable").path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for found in include.captures_iter(&fs::read_to_string(&path).expect("text")) {
                let included = folder.join(&found[1]).canonicalize().expect("the crate compiles");
                assert!(copied.iter().any(|copied| included.starts_with(copied)), "{} in {path:?}", &found[1]);
                count += 1;
            }
        }
    }
    assert!(count > 5, "the sources include files");
}
