//! A secret value stands in a Secret and nowhere else; the container gets it as a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use test_support::chart;

const TOKEN: &str = "0123456789abcdef-the-token";
const KEY: &str = "Bearer the-api-key-of-otlp";

#[test]
fn no_secret_value_is_in_a_config_map_an_argument_or_a_variable() {
    let objects = chart::objects_with(&[
        "twilio.existingSecret=",
        &format!("twilio.authToken={TOKEN}"),
        "otlp.endpoint=https://otlp.example.com",
        &format!("otlp.headers.authorization={KEY}"),
    ]);
    let mut found = Vec::new();
    for object in &objects {
        let text = object.to_string();
        for secret in [TOKEN, KEY] {
            if text.contains(secret) || text.contains(&STANDARD.encode(secret)) {
                found.push((chart::kind(object), secret));
            }
        }
    }
    assert_eq!(found, [("Secret", TOKEN), ("Secret", KEY)]);
    assert!(
        !chart::workload(&objects).to_string().contains("secretKeyRef"),
        "a variable is seen by every child and dump"
    );
}

#[test]
fn existing_secrets_are_mounted_as_files_and_make_no_secret() {
    for (shape, objects) in chart::rendered().iter().filter(|(shape, _)| shape.name != "trial") {
        assert!(chart::of_kind(objects, "Secret").is_empty(), "{}", shape.name);
        let pod = &chart::workload(objects)["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().expect("volumes");
        let of_twilio = volumes.iter().find(|volume| volume["name"] == "twilio").expect("the tokens' volume");
        assert!(of_twilio["projected"]["sources"][0]["secret"]["name"].is_string(), "{}", shape.name);
    }
}

/// The paths in the configuration are those that the volumes put files at.
#[test]
fn every_token_file_of_the_configuration_is_mounted() {
    let mut seen = 0;
    for (shape, objects) in chart::rendered() {
        let config = objects.iter().find_map(|object| object["data"]["config.yaml"].as_str()).expect("a configuration");
        let pod = &chart::workload(objects)["spec"]["template"]["spec"];
        let there = mounted(pod);
        chart::walk(&chart::yaml(config), "", &mut |way, value| {
            if let Some(path) = value.as_str().filter(|path| path.starts_with("/run/secrets/")) {
                let whole = there.iter().any(|folder| folder.ends_with('/') && path.starts_with(folder));
                assert!(whole || there.iter().any(|file| file == path), "{}: {way}: {path} of {there:?}", shape.name);
                seen += 1;
            }
        });
    }
    assert!(seen > 20, "{seen} paths in all shapes");
}

/// The files that the container finds; of a Secret that is mounted whole, the folder.
fn mounted(pod: &Value) -> Vec<String> {
    let mut there = Vec::new();
    for mount in pod["containers"][0]["volumeMounts"].as_array().expect("mounts") {
        let folder = mount["mountPath"].as_str().expect("a path");
        let volumes = pod["volumes"].as_array().expect("volumes").iter();
        let Some(volume) = volumes.into_iter().find(|volume| volume["name"] == mount["name"]) else { continue };
        let sources = volume["projected"]["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in sources.iter().flat_map(|source| source["secret"]["items"].as_array().into_iter().flatten()) {
            there.push(format!("{folder}/{}", item["path"].as_str().expect("a path")));
        }
        if volume["secret"].is_object() || volume["configMap"].is_object() {
            there.push(format!("{folder}/"));
        }
    }
    there
}
