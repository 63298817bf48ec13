//! What the webhook has refused, as the page for people shows it: the two meet here and nowhere else.

use crate::input::webhook::Receiver;
use crate::telemetry::{Refused, RefusedLately};

impl RefusedLately for Receiver {
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
}
