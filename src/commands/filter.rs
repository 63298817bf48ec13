//! Which events are meant: the flags that `events` and `replay` share, and the events that they let through.
//!
//! Flags combine: an event has to fit each that is given, and of one that is given with several values, any of these. Bad values are
//! named before anything is read.

pub(super) mod moment;

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize as _;

use self::moment::Moment;
use super::CommandError;
use crate::catalogue::Catalogue;
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, Source};
use crate::level::Level;
use crate::quarantine::Quarantined;
use crate::sid::{AccountSid, is_sid, resource_type, resource_types};

/// How far Twilio's clock may be ahead of ours: an event may have arrived before it happened.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// What is typed.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which events")]
pub(super) struct FilterArgs {
    /// error, warning, info, debug or other; several with commas between, here and below
    #[arg(long, value_name = "LEVEL", value_delimiter = ',', value_parser = level)]
    level: Vec<Level>,
    /// A code; none or invalid for events without a good one
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = error_code)]
    error_code: Vec<ErrorCode>,
    /// The account it happened in
    #[arg(long, value_name = "SID", value_delimiter = ',', value_parser = AccountSid::parse)]
    account: Vec<AccountSid>,
    /// The call, message or other thing it is about, or a kind of these, such as call
    #[arg(long, value_name = "SID", value_delimiter = ',', value_parser = resource)]
    resource: Vec<Resource>,
    /// The product it happened in, such as Voice
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    product: Vec<String>,
    /// The input it came through, such as webhook
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = source)]
    source: Vec<Source>,
    /// The first moment it may have happened at: a time, or how long ago
    #[arg(long, value_name = "TIME", visible_alias = "from", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// The first moment that is too late
    #[arg(long, value_name = "TIME", visible_alias = "to", value_parser = Moment::parse)]
    until: Option<Moment>,
}

/// One thing, or all of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Resource {
    Sid(String),
    Kind(&'static str),
}

/// What is meant, at one moment.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    typed: &'a FilterArgs,
    catalogue: &'a Catalogue,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl FilterArgs {
    /// Whether nothing is typed, and every event is meant.
    pub(super) fn is_empty(&self) -> bool {
        let Self { level, error_code, account, resource, product, source, since, until } = self;
        let lists = [level.len(), error_code.len(), account.len(), resource.len(), product.len(), source.len()];
        lists == [0; 6] && since.is_none() && until.is_none()
    }

    /// What is meant, if it is typed `now`. Products are those of `catalogue`.
    ///
    /// # Errors
    ///
    /// [`CommandError::Usage`] for a time in which nothing can have happened, or a product that there is not.
    pub(super) fn at<'a>(&'a self, now: Timestamp, catalogue: &'a Catalogue) -> Result<Filter<'a>, CommandError> {
        let (since, until) = (self.since.map(|time| time.resolve(now)), self.until.map(|time| time.resolve(now)));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(CommandError::Usage(format!("--since {since:.0} is not before --until {until:.0}")));
        }
        let known = catalogue.products();
        let is_known = |product: &&String| known.iter().any(|known| known.eq_ignore_ascii_case(product));
        if let Some(product) = self.product.iter().find(|product| !is_known(product)) {
            let known = known.join(", ");
            return Err(CommandError::Usage(format!("--product '{product}' is none of {known}")));
        }
        Ok(Filter { typed: self, catalogue, since, until })
    }
}

impl Filter<'_> {
    /// Whether `event` is meant.
    pub(super) fn takes(&self, event: &DebuggerEvent) -> bool {
        let FilterArgs { level, error_code, account, resource, product, source, .. } = self.typed;
        let of_product = |product: &String| {
            event.product.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(product))
                || self.catalogue.is_of_product(event.error_code, product)
        };
        let about = |resource: &Resource| event.resource_sid.as_deref().is_some_and(|sid| resource.is(sid));
        fits(level, |level| *level == event.level)
            && fits(error_code, |code| *code == event.error_code)
            && fits(account, |account| *account == event.account_sid)
            && fits(resource, about)
            && fits(product, of_product)
            && fits(source, |source| *source == event.source)
            && self.holds(event.occurred_at)
    }

    /// Whether an entry of the quarantine is meant: by the event that it holds, or else by its own time and source. Of what was not
    /// understood nothing else is known, so every other filter leaves it out.
    pub(super) fn takes_entry(&self, entry: &Quarantined) -> bool {
        if let Ok(event) = DebuggerEvent::deserialize(&entry.content) {
            return self.takes(&event);
        }
        let FilterArgs { level, error_code, account, resource, product, source, .. } = self.typed;
        let unknown = level.is_empty() && error_code.is_empty() && account.is_empty();
        unknown
            && resource.is_empty()
            && product.is_empty()
            && fits(source, |source| *source == entry.source)
            && self.holds(entry.at)
    }

    /// What is known of codes.
    pub(super) fn catalogue(&self) -> &Catalogue {
        self.catalogue
    }

    /// What arrived before this cannot be meant.
    pub(super) fn arrived_since(&self) -> Timestamp {
        self.since.and_then(|since| since.checked_sub(CLOCK_SKEW).ok()).unwrap_or(Timestamp::MIN)
    }

    fn holds(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

impl Resource {
    fn is(&self, sid: &str) -> bool {
        match self {
            Self::Sid(wanted) => wanted == sid,
            Self::Kind(kind) => resource_type(sid) == Some(kind),
        }
    }
}

fn fits<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

fn level(text: &str) -> Result<Level, &'static str> {
    match Level::parse(text) {
        Level::Other if !text.eq_ignore_ascii_case("other") => Err("neither error, warning, info, debug nor other"),
        level => Ok(level),
    }
}

fn error_code(text: &str) -> Result<ErrorCode, &'static str> {
    match ErrorCode::from_label(text) {
        ErrorCode::Invalid if text != "invalid" => Err("not a code of 1 to 6 digits, none or invalid"),
        code => Ok(code),
    }
}

fn resource(text: &str) -> Result<Resource, String> {
    if let Some(kind) = resource_types().find(|kind| *kind == text) {
        return Ok(Resource::Kind(kind));
    }
    if is_sid(text) {
        return Ok(Resource::Sid(text.to_owned()));
    }
    let kinds: Vec<_> = resource_types().collect();
    Err(format!("neither a Sid, two capital letters and then letters or digits, nor one of {}", kinds.join(", ")))
}

fn source(text: &str) -> Result<Source, String> {
    let known = || Source::ALL.iter().map(|source| source.as_str());
    let found = Source::ALL.iter().find(|source| source.as_str() == text).copied();
    found.ok_or_else(|| format!("not one of {}", known().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
