//! The flags that are settings, made from the table of settings.
//!
//! A struct with a field a setting would be the table written a second time. Which commands take which settings is a
//! [`Scope`]: a flag that a command would ignore should be an error there.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{KEYS, Key};

/// Which settings a command takes as flags.
pub(crate) trait Scope {
    /// Whether the setting at `path` is one of them.
    fn includes(path: &str) -> bool;

    /// Whether `--help` lists them.
    const LISTED: bool = true;

    /// Whether they may stand after the name of a command within the command, too.
    const WITHIN: bool = false;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $scope:ident: [$($start:literal),*] $(, listed: $listed:literal)? $(, within: $within:literal)?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum $scope {}

        impl Scope for $scope {
            fn includes(path: &str) -> bool {
                let starts: &[&str] = &[$($start),*];
                starts.iter().any(|start| path.starts_with(start))
            }
            $(const LISTED: bool = $listed;)?
            $(const WITHIN: bool = $within;)?
        }
    )+};
}

scopes! {
    /// Every setting.
    Everything: [""];
    /// Every setting, before or without a command's name: `serve --help` lists them.
    BeforeCommand: [""], listed: false;
    /// What `demo` lets one move.
    Listeners: ["webhook.listen", "telemetry.listen", "otlp.", "log."];
    /// Where the events are.
    Directory: ["store.dir", "error_catalogue"], within: true;
    /// Where the events are and where they go.
    Export: ["store.dir", "error_catalogue", "otlp.", "log."];
    /// What Twilio signs.
    Identity: ["public_url"];
}

/// Each setting's path, and its values.
pub(super) type Values = BTreeMap<&'static str, Vec<String>>;

/// Of a command without such flags.
pub(super) static NONE: Values = Values::new();

/// The settings typed as flags.
pub(crate) struct SettingFlags<S>(Values, PhantomData<S>);

impl<S> Default for SettingFlags<S> {
    fn default() -> Self {
        Self(Values::new(), PhantomData)
    }
}

impl<S> SettingFlags<S> {
    /// The paths and values.
    pub(crate) fn values(&self) -> &Values {
        &self.0
    }
}

impl<S> fmt::Debug for SettingFlags<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Scope> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        command.args(KEYS.iter().filter(|key| S::includes(key.path)).map(argument::<S>))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument<S: Scope>(key: &Key) -> Arg {
    // A list in one flag would be ambiguous for a URL, which may hold a comma.
    let action = if key.path == "public_url" { ArgAction::Append } else { ArgAction::Set };
    Arg::new(key.path)
        .long(key.flag())
        .value_name(key.metavar)
        .help(key.help)
        .help_heading("Settings")
        .hide(!S::LISTED)
        .global(S::WITHIN)
        .action(action)
}

impl<S: Scope> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in KEYS.iter().filter(|key| S::includes(key.path)) {
            if let Some(values) = matches.get_many::<String>(key.path) {
                self.0.insert(key.path, values.cloned().collect());
            }
        }
        Ok(())
    }
}
