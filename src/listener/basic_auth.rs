//! Who may ask: user names and bcrypt hashes, from an htpasswd file or from the web-config file.
//!
//! bcrypt is slow by design, which makes it a door for floods and a clock for guessers. Three rules close both: it runs on
//! threads of its own, two at a time; a name nobody has costs as much as a wrong password; and credentials that were right a
//! moment ago are known by their digest, so that a scrape every few seconds costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bcrypt::HashParts;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// The value of `WWW-Authenticate` beside a 401. Twilio sends its credentials only after one.
pub const CHALLENGE: &str = "Basic realm=\"twilio-debugger-exporter\", charset=\"UTF-8\"";

/// The most password checks at one time.
const CHECKS_MAX: usize = 2;

/// The most credentials that are remembered as right.
const REMEMBERED_MAX: usize = 16;

/// The highest bcrypt cost; each step doubles the time, and 15 takes about two seconds.
const COST_MAX: u32 = 15;

/// The most bytes of an Authorization header that are looked at.
const HEADER_BYTES_MAX: usize = 1024;

/// Users and their hashes. Cheap to clone.
#[derive(Clone)]
pub struct BasicAuth(Arc<Users>);

struct Users {
    hashes: BTreeMap<String, String>,
    /// What an unknown user's password is compared with: the dearest hash there is.
    decoy: String,
    checks: Arc<Semaphore>,
    remembered: Mutex<VecDeque<[u8; 32]>>,
}

/// Users that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BasicAuthError {
    /// The file cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line that is not `name:hash`.
    #[error("{file}, line {line}: is not a user name, a colon and a hash")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A hash of another kind than bcrypt, which could be guessed or not checked.
    #[error("user {user:?} has no bcrypt hash, which starts with $2y$, $2a$ or $2b$; make one with htpasswd -B")]
    NotBcrypt {
        /// The user.
        user: String,
    },
    /// A hash that would take longer to check than a request may last.
    #[error("user {user:?} has a bcrypt cost above {COST_MAX}")]
    TooDear {
        /// The user.
        user: String,
    },
    /// A name that stands there twice.
    #[error("user {user:?} is listed twice")]
    Twice {
        /// The user.
        user: String,
    },
    /// Nobody would ever be let in.
    #[error("holds no user")]
    Nobody,
}

impl BasicAuth {
    /// Takes the users of an htpasswd file: `name:hash` lines, empty ones and those with a `#` first left out.
    pub fn from_htpasswd_file(file: &Path) -> Result<Self, BasicAuthError> {
        let name = file.display().to_string();
        let text =
            fs::read_to_string(file).map_err(|source| BasicAuthError::Unreadable { file: name.clone(), source })?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let users = lines.map(|(index, line)| {
            let user = line.trim().split_once(':').map(|(user, hash)| (user.to_owned(), hash.to_owned()));
            user.ok_or_else(|| BasicAuthError::Line { file: name.clone(), line: index + 1 })
        });
        Self::new(users.collect::<Result<Vec<_>, _>>()?)
    }

    /// Takes names and bcrypt hashes.
    pub fn new(users: impl IntoIterator<Item = (String, String)>) -> Result<Self, BasicAuthError> {
        let mut hashes = BTreeMap::new();
        let mut dearest = None;
        for (user, hash) in users {
            let parts = Some(&hash).filter(|hash| ["$2y$", "$2a$", "$2b$"].iter().any(|kind| hash.starts_with(kind)));
            let Some(cost) = parts.and_then(|hash| hash.parse::<HashParts>().ok()).map(|parts| parts.get_cost()) else {
                return Err(BasicAuthError::NotBcrypt { user });
            };
            if cost > COST_MAX {
                return Err(BasicAuthError::TooDear { user });
            }
            if dearest.as_ref().is_none_or(|(most, _)| cost > *most) {
                dearest = Some((cost, hash.clone()));
            }
            if hashes.contains_key(&user) {
                return Err(BasicAuthError::Twice { user });
            }
            hashes.insert(user, hash);
        }
        let (_, decoy) = dearest.ok_or(BasicAuthError::Nobody)?;
        let checks = Arc::new(Semaphore::new(CHECKS_MAX));
        Ok(Self(Arc::new(Users { hashes, decoy, checks, remembered: Mutex::default() })))
    }

    /// Whether an `Authorization` header opens the door.
    ///
    /// Without one the answer is no, at once. With one that is not remembered it waits for a free check and then for bcrypt;
    /// dropping the future gives up the place in the queue, and lets a check that runs run out.
    pub async fn check(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let users = &*self.0;
        let known = users.hashes.get(&user);
        let hash = known.unwrap_or(&users.decoy).clone();
        let digest = digest(&user, &password, &hash);
        if known.is_some() && users.remembers(&digest) {
            return true;
        }
        let Ok(permit) = Arc::clone(&users.checks).acquire_owned().await else { return false };
        let verify = move || {
            // Held here, not by the future: a dropped request must not make room for a third check.
            let _permit = permit;
            bcrypt::verify(password, &hash).unwrap_or(false)
        };
        let right = tokio::task::spawn_blocking(verify).await.unwrap_or(false) && known.is_some();
        if right {
            users.remember(digest);
        }
        right
    }
}

impl Users {
    fn remembers(&self, digest: &[u8; 32]) -> bool {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if !remembered.contains(&digest) {
            remembered.push_front(digest);
            remembered.truncate(REMEMBERED_MAX);
        }
    }
}

impl fmt::Debug for BasicAuth {
    /// Names alone: a hash can be guessed at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BasicAuth").field(&self.0.hashes.keys()).finish()
    }
}

/// User name and password of `Basic …`, RFC 7617.
fn credentials(authorization: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let value = authorization.as_bytes();
    if value.len() > HEADER_BYTES_MAX {
        return None;
    }
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.pop();
    Some((String::from_utf8(decoded).ok()?, password))
}

/// Names the credentials without holding them. The hash is part of it: a changed password ends what was remembered.
fn digest(user: &str, password: &[u8], hash: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [user.as_bytes(), password, hash.as_bytes()] {
        // Lengths first, or one name and password could stand for another.
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::{BasicAuth, BasicAuthError, REMEMBERED_MAX};

    /// At the lowest cost: these tests are about doors, not about bcrypt.
    fn hash(password: &str) -> String {
        bcrypt::hash(password, 4).expect("a hash")
    }

    fn basic(credentials: &str) -> HeaderValue {
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(credentials))).expect("a header")
    }

    fn auth(users: &[(&str, &str)]) -> BasicAuth {
        BasicAuth::new(users.iter().map(|(user, password)| ((*user).to_owned(), hash(password)))).expect("users")
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_opens() {
        let auth = auth(&[("ann", "a:b"), ("bob", "ü")]);
        for _ in 0..2 {
            assert!(auth.check(Some(&basic("ann:a:b"))).await);
            assert!(auth.check(Some(&basic("bob:ü"))).await);
            for wrong in ["ann:", "ann:ü", "bob:a:b", "eve:a:b", ":a:b", "ann", ""] {
                assert!(!auth.check(Some(&basic(wrong))).await, "{wrong}");
            }
        }
        assert!(!auth.check(None).await);
        for wrong in ["", "Basic", "Basic !", "Bearer YTpi", "basic"] {
            assert!(!auth.check(Some(&HeaderValue::from_static(wrong))).await, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_password_of_the_decoy_does_not_let_a_stranger_in() {
        // An unknown user is compared with a real hash; that it matches must not be enough.
        assert!(!auth(&[("ann", "secret")]).check(Some(&basic("eve:secret"))).await);
    }

    #[tokio::test]
    async fn what_was_right_is_remembered_and_bounded() {
        let names: Vec<String> = (0..REMEMBERED_MAX + 4).map(|number| format!("user{number}")).collect();
        let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "p")).collect();
        let auth = auth(&users);
        for name in &names {
            assert!(auth.check(Some(&basic(&format!("{name}:p")))).await);
            assert!(!auth.check(Some(&basic(&format!("{name}:q")))).await);
        }
        assert_eq!(auth.0.remembered.lock().expect("whole").len(), REMEMBERED_MAX);
        // The remembered need no free check: a flood of guesses does not lock the scraper out.
        let _all = auth.0.checks.acquire_many(2).await.expect("open");
        assert!(auth.check(Some(&basic(&format!("{}:p", names[REMEMBERED_MAX])))).await);
    }

    #[test]
    fn every_spelling_of_bcrypt_is_taken_and_nothing_else() {
        let made = hash("p");
        for kind in ["$2y$", "$2a$", "$2b$"] {
            BasicAuth::new([("u".into(), made.replacen("$2b$", kind, 1))]).expect(kind);
        }
        let strange = [made.replacen("$2b$", "$2x$", 1), made[..59].to_owned(), "$apr1$x$y".into(), "p".into()];
        for other in strange.into_iter().chain(["{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".into(), String::new()]) {
            let refused = BasicAuth::new([("u".into(), other.clone())]);
            assert!(matches!(refused, Err(BasicAuthError::NotBcrypt { .. })), "{other}");
        }
        let dear = BasicAuth::new([("u".into(), made.replacen("$04$", "$31$", 1))]);
        assert!(matches!(dear, Err(BasicAuthError::TooDear { .. })));
        assert!(matches!(BasicAuth::new([]), Err(BasicAuthError::Nobody)));
    }

    #[test]
    fn an_htpasswd_file_is_read_line_by_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("htpasswd");
        let read = |text: String| {
            std::fs::write(&file, text).expect("written");
            BasicAuth::from_htpasswd_file(&file).map_err(|error| error.to_string())
        };
        let auth = read(format!("# people\n\nann:{0}\nbob:{0}\r\n", hash("p"))).expect("two users");
        assert_eq!(format!("{auth:?}"), r#"BasicAuth(["ann", "bob"])"#);
        assert!(read(format!("ann:{0}\nann:{0}\n", hash("p"))).expect_err("twice").contains("twice"));
        assert!(
            read("s3cret\n".into())
                .expect_err("no colon")
                .ends_with("htpasswd, line 1: is not a user name, a colon and a hash")
        );
        assert_eq!(read(String::new()).expect_err("empty"), "holds no user");
    }
}
