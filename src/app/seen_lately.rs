//! What has come to the webhook lately, as the page for people shows it: the two meet here and nowhere else.

use crate::input::webhook::Receiver;
use crate::telemetry::{Refused, SeenLately, SinkTested};

impl SeenLately for Receiver {
    fn refused_lately(&self) -> Vec<Refused> {
        let last = self.rejections().last().into_iter();
        let shown = last.map(|rejection| Refused {
            reason: rejection.reason,
            count: rejection.count,
            last: rejection.at,
            peer: rejection.peer,
            advice: rejection.advice(),
            hint: rejection.hint,
        });
        shown.collect()
    }

    fn last_sink_test(&self) -> Option<SinkTested> {
        self.sink_tests().last().map(|test| SinkTested { id: test.id, at: test.at })
    }
}
