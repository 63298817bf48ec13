//! The container image, assembled by buildah from the Dockerfile's final stage.
//!
//! The first stage starts from a public image of Rust, which is not to be had everywhere. So buildah is told to take what the first
//! stage makes from a folder: the binary that `image/build.sh` links here, as that stage does, and this machine's authorities.
//! From `FROM scratch` on, every line of the Dockerfile is executed.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::process::tool;
use crate::repository;

/// The authorities that Debian's images trust, and the place where most programs look for them.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The image.
#[derive(Debug)]
pub struct Image {
    /// Its files. Nothing may be changed here: a container gets a copy.
    pub root: PathBuf,
    /// Its configuration, as the image specification of the Open Container Initiative has it.
    pub config: Value,
    /// The binary before it was copied.
    pub binary: PathBuf,
    /// Held until the process ends, so that no other one takes the files away.
    _lock: File,
}

impl Image {
    /// Assembles it, once in a process. Takes minutes when the binary has not been built before: `make test` does that first.
    pub fn get() -> &'static Self {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        IMAGE.get_or_init(Self::assemble)
    }

    fn assemble() -> Self {
        let repository = repository();
        let mut build = Command::new(repository.join("image/build.sh"));
        // What cargo tells this test of its package: build scripts take a change of it for a reason to build anew.
        let told = |name: &str| {
            let ours = ["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name);
            ["OUT_DIR", "BUILD_REVISION", "BUILD_RUSTC"].contains(&name) || name.starts_with("CARGO_") && !ours
        };
        for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
            build.env_remove(name);
        }
        let binary = PathBuf::from(succeed(&mut build).trim());

        let folder = binary.with_file_name("image-of-tests");
        std::fs::create_dir_all(&folder).expect("writable");
        let lock = File::create(folder.join("lock")).expect("writable");
        lock.lock().expect("locks");
        for name in ["build", "storage", "run"] {
            let path = folder.join(name);
            if path.exists() {
                std::fs::remove_dir_all(&path).expect("what root has written, root can remove");
            }
        }
        let build = folder.join("build");
        std::fs::create_dir_all(build.join("out/store")).expect("writable");
        std::fs::create_dir_all(build.join("etc/ssl/certs")).expect("writable");
        std::fs::copy(&binary, build.join("out/twilio-debugger-exporter")).expect("built");
        std::fs::copy(AUTHORITIES, build.join(&AUTHORITIES[1..])).expect("Debian's ca-certificates are installed");

        let buildah = |arguments: &[&str]| {
            let mut command = Command::new(tool("buildah"));
            // Without overlays and namespaces, which a container that this runs in may not have.
            command.args(["--storage-driver", "vfs", "--root"]).arg(folder.join("storage"));
            command.arg("--runroot").arg(folder.join("run")).args(arguments).current_dir(repository);
            succeed(&mut command)
        };
        let policy = tool("../buildah/etc/containers/policy.json").display().to_string();
        let policy = ["--signature-policy", &policy];
        let context = format!("build={}", build.display());
        let revision = succeed(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(repository));
        let version = succeed(Command::new(&binary).arg("--version"));
        let version = version.split_whitespace().nth(1).expect("its name, then its version");
        let arguments = [
            &["bud", "--isolation", "chroot", "--tag", "exporter", "--build-context", &context],
            &policy[..],
            &["--build-arg", &format!("VERSION={version}")],
            &["--build-arg", &format!("REVISION={}", revision.trim()), "."],
        ];
        buildah(&arguments.concat());
        let described: Value =
            serde_json::from_str(&buildah(&["inspect", "--type", "image", "exporter"])).expect("JSON");
        let container = buildah(&[&["from"], &policy[..], &["exporter"]].concat());
        let root = buildah(&["mount", container.trim()]);
        Self { root: PathBuf::from(root.trim()), config: described["OCIv1"]["config"].clone(), binary, _lock: lock }
    }

    /// A list of texts in its configuration.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let list = self.config[key].as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; run `make tools`"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}
