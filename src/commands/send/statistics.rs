//! What was answered: a line each, and the sum of them.

use std::io::Write;
use std::time::Duration;

use reqwest::StatusCode;

use super::Sample;
use crate::causes::with_causes;

/// What has been answered so far.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    sent: u64,
    pub(super) accepted: u64,
    refused: u64,
    unanswered: u64,
    slowest: Duration,
}

impl Statistics {
    pub(super) fn note(
        &mut self,
        sample: &Sample,
        answer: &Result<StatusCode, impl std::error::Error>,
        took: Duration,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        self.sent += 1;
        self.slowest = self.slowest.max(took);
        let sid = sample.value("Sid").unwrap_or_default();
        match answer {
            Ok(status) => {
                *(if status.is_success() { &mut self.accepted } else { &mut self.refused }) += 1;
                writeln!(out, "{}  {sid}  {}", status.as_u16(), milliseconds(took))
            }
            Err(error) => {
                self.unanswered += 1;
                writeln!(out, "---  {sid}  {}  no answer: {}", milliseconds(took), with_causes(error))
            }
        }
    }

    pub(super) fn summary(&self, took: Duration, out: &mut impl Write) -> std::io::Result<()> {
        if self.sent < 2 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.sent as f64 / took.as_secs_f64().max(1e-9);
        let Self { sent, accepted, refused, unanswered, slowest } = self;
        writeln!(
            out,
            "{sent} sent, {accepted} accepted, {refused} refused, {unanswered} without answer; {rate:.1}/s, slowest {}",
            milliseconds(*slowest)
        )
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::{Sample, Statistics};

    #[test]
    fn every_answer_is_a_line_and_the_sum_is_the_last() {
        let sample = Sample::parse(b"Sid=NO1&a=b").expect("a form");
        let mut statistics = Statistics::default();
        let mut out = Vec::new();
        for answer in [Ok(StatusCode::NO_CONTENT), Ok(StatusCode::FORBIDDEN), Err(std::io::Error::other("refused"))] {
            statistics.note(&sample, &answer, Duration::from_micros(1500), &mut out).expect("a vector");
        }
        statistics.summary(Duration::from_secs(1), &mut out).expect("a vector");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "204  NO1  1.5 ms\n403  NO1  1.5 ms\n---  NO1  1.5 ms  no answer: refused\n\
             3 sent, 1 accepted, 1 refused, 1 without answer; 3.0/s, slowest 1.5 ms\n"
        );
    }
}
