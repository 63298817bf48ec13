//! Entries as lines of a table whose columns do not move: `--follow` cannot know what is still to come.

use std::fmt;

use jiff::Timestamp;

use crate::catalogue::Catalogue;
use crate::event::DebuggerEvent;
use crate::quarantine::Quarantined;

/// The names of the columns, above them.
pub(super) const HEADER: &str = "TIME                  LEVEL    CODE    SID                                 ACCOUNT                             MESSAGE";

/// The most characters of a message.
const MESSAGE_CHARS_MAX: usize = 80;

/// One line.
#[derive(Debug)]
pub(super) struct Row {
    time: Timestamp,
    level: &'static str,
    code: String,
    sid: String,
    account: String,
    message: String,
}

impl Row {
    /// An event, by the time of its happening; what the catalogue calls it where it says nothing itself.
    pub(super) fn of_event(event: &DebuggerEvent, catalogue: &Catalogue) -> Self {
        let title = || catalogue.about(event.error_code).title.map(str::to_owned);
        Self {
            time: event.occurred_at,
            level: event.level.as_str(),
            code: event.error_code.to_string(),
            sid: event.sid.as_str().to_owned(),
            account: event.account_sid.as_str().to_owned(),
            message: event.message.clone().or_else(title).unwrap_or_default(),
        }
    }

    /// An entry of the quarantine, with its reason where an event has its message.
    pub(super) fn of_quarantined(entry: &Quarantined) -> Self {
        Self {
            time: entry.at,
            level: "-",
            code: "-".into(),
            sid: entry.sid.clone().unwrap_or_else(|| "-".into()),
            account: "-".into(),
            message: format!("quarantined ({}): {}", entry.reason.as_str(), entry.detail),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, level, code, sid, account, message } = self;
        let message = shown(message);
        let line = format!("{time:.0}  {level:<7}  {code:<6}  {:<34}  {account:<34}  {message}", shown(sid));
        f.write_str(line.trim_end())
    }
}

/// A text in one line: what would move a terminal's cursor is a space, and the end is cut off.
fn shown(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = characters.by_ref().take(MESSAGE_CHARS_MAX).collect();
    if characters.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{HEADER, Row, shown};

    fn row(message: &str) -> String {
        let row = Row {
            time: Timestamp::UNIX_EPOCH,
            level: "warning",
            code: "30007".into(),
            sid: "NO00000000000000000000000000000001".into(),
            account: "AC00000000000000000000000000000001".into(),
            message: message.into(),
        };
        row.to_string()
    }

    #[test]
    fn columns_stand_under_their_names() {
        let row = row("Filtered");
        for (name, value) in
            [("LEVEL", "warning"), ("CODE", "30007"), ("SID", "NO0"), ("ACCOUNT", "AC0"), ("MESSAGE", "Filtered")]
        {
            assert_eq!(HEADER.find(name), row.find(value), "{HEADER}\n{row}");
        }
    }

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(shown("a\u{1b}[2Jb\r\nc"), "a [2Jb  c");
        assert_eq!(shown(&"ñ".repeat(80)), "ñ".repeat(80));
        assert_eq!(shown(&"ñ".repeat(81)), "ñ".repeat(79) + "…");
        assert!(!row("").ends_with(' '));
    }
}
