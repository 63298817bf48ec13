//! Events as strange as Twilio could send them.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::event::{ACCOUNT, Event};

/// A generator with a seed that the test prints; `SEED` repeats a run.
pub fn rng() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    // On standard error, which the test run keeps and shows with a failure.
    eprintln!("SEED={seed}");
    Rng::with_seed(seed)
}

/// Text that stays as large as it is however it is compressed.
pub fn noise(bytes: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect()
}

/// A genuine event whose texts are anything, with unknown, repeated and empty fields, in any order.
pub fn event(rng: &mut Rng, number: u64) -> Event {
    let codes = [json!("11200"), json!(30007), json!("63052"), Value::Null, json!("no code")];
    let payload = json!({
        "resource_sid": format!("CA{number:032x}"),
        "error_code": rng.choice(codes),
        "more_info": {"Msg": text(rng, 60), text(rng, 8): text(rng, 20)},
    });
    let mut fields = vec![
        ("AccountSid".to_owned(), ACCOUNT.to_owned()),
        ("Payload".to_owned(), if rng.bool() { payload.to_string() } else { format!("{payload:#}\n ") }),
        ("PayloadType".to_owned(), "application/json".to_owned()),
        ("Sid".to_owned(), format!("NO{number:032x}")),
    ];
    let time = if rng.bool() { "Timestamp" } else { "TimeStamp" };
    fields.push((
        time.to_owned(),
        rng.choice(["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z", ""]).unwrap_or_default().to_owned(),
    ));
    if rng.bool() {
        let levels = ["ERROR", "Error", "WARNING", " WARN ", "", "fatal"];
        fields.push(("Level".to_owned(), rng.choice(levels).unwrap_or_default().to_owned()));
    }
    if rng.bool() {
        fields.push(("ParentAccountSid".to_owned(), String::new()));
    }
    for _ in 0..rng.usize(..8) {
        let name = text(rng, 12);
        // Again with another value, with the same one, or not at all.
        for _ in 0..rng.usize(1..4) {
            let value = text(rng, 30);
            fields.extend(std::iter::repeat_n((name.clone(), value), rng.usize(1..3)));
        }
    }
    rng.shuffle(&mut fields);
    Event { fields }
}

/// Up to `length_max` characters of all planes, with more than their share of those that forms and signatures trip over.
fn text(rng: &mut Rng, length_max: usize) -> String {
    let traps = [
        '+',
        '%',
        '&',
        '=',
        ' ',
        '\n',
        '\r',
        '\t',
        '\0',
        '"',
        '\\',
        '\u{2028}',
        '\u{feff}',
        '\u{e000}',
        '\u{1f642}',
        'é',
    ];
    (0..rng.usize(..=length_max))
        .map(|_| match rng.u8(..4) {
            0 => rng.choice(traps).unwrap_or(' '),
            1 => rng.char(..),
            _ => rng.alphanumeric(),
        })
        .collect()
}
