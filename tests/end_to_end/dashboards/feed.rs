//! What has happened when the dashboards are looked at: a bad quarter of an hour, in seconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use test_support::event::PUBLIC_URL;
use test_support::exporter::Setup;
use test_support::victorialogs::VictoriaLogs;
use test_support::{ACCOUNT, Event, Exporter, Monitor, Prometheus, Release, TOKEN};

/// A subaccount with a token of its own.
pub(crate) const SUBACCOUNT: &str = "AC00000000000000000000000000000002";
const SUBACCOUNT_TOKEN: &str = "fedcba9876543210fedcba9876543210";

/// Longer than an event takes to arrive on a busy machine, and not so long that the range grows with it.
const LATE_AFTER: Duration = Duration::from_secs(30);

/// The events, each of which is stored and counted once.
const EVENTS: [Fed; 10] = [
    Fed::new("11200", "ERROR").calling("https://app.example.com/sms", 502).about("SM"),
    Fed::new("11200", "ERROR").calling("https://app.example.com/sms", 502).about("SM"),
    Fed::new("11200", "ERROR").calling("https://app.example.com/sms", 502).about("SM"),
    Fed::new("11200", "ERROR").calling("https://app.example.com/sms", 504).about("SM"),
    Fed::new("11200", "ERROR").calling("https://app.example.com/voice", 500).about("CA").by_subaccount(),
    Fed::new("30007", "WARNING").about("SM"),
    Fed::new("30007", "WARNING").about("SM"),
    Fed::new("32009", "WARNING").about("CA").by_subaccount().late(),
    Fed::new("", "ERROR"),
    // After a restart.
    Fed::new("11200", "ERROR").calling("https://app.example.com/sms", 502).about("SM"),
];

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Fed {
    error_code: &'static str,
    level: &'static str,
    exchange: Option<(&'static str, u16)>,
    resource: Option<&'static str>,
    by_subaccount: bool,
    is_late: bool,
}

impl Fed {
    const fn new(error_code: &'static str, level: &'static str) -> Self {
        Self { error_code, level, exchange: None, resource: None, by_subaccount: false, is_late: false }
    }

    const fn calling(mut self, url: &'static str, status: u16) -> Self {
        self.exchange = Some((url, status));
        self
    }

    const fn about(mut self, prefix: &'static str) -> Self {
        self.resource = Some(prefix);
        self
    }

    const fn by_subaccount(mut self) -> Self {
        self.by_subaccount = true;
        self
    }

    const fn late(mut self) -> Self {
        self.is_late = true;
        self
    }

    fn event(self, number: usize) -> Event {
        let mut payload = json!({"more_info": {"Msg": format!("Something failed, number {number}")}});
        if !self.error_code.is_empty() {
            payload["error_code"] = self.error_code.into();
        }
        if let Some(prefix) = self.resource {
            payload["resource_sid"] = format!("{prefix}{number:032x}").into();
        }
        if let Some((url, status)) = self.exchange {
            payload["service_sid"] = "MG00000000000000000000000000000001".into();
            payload["webhook"] =
                json!({"request": {"method": "POST", "url": url}, "response": {"status_code": status}});
        }
        let number = u64::try_from(number).expect("small");
        let age = if self.is_late { LATE_AFTER * 2 } else { Duration::ZERO };
        let event = Event::new(number, self.error_code)
            .with("Level", self.level)
            .with("Payload", &payload.to_string())
            .with("Timestamp", &(jiff::Timestamp::now() - age).to_string());
        if self.by_subaccount { event.with("AccountSid", SUBACCOUNT).with("ParentAccountSid", ACCOUNT) } else { event }
    }
}

/// An exporter that has lived through it, the Prometheus that scraped it, and the VictoriaLogs that has its log records.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) prometheus: Prometheus,
    pub(crate) logs: VictoriaLogs,
    /// When its first event happened, at the latest, in seconds since 1970.
    pub(crate) from: u64,
    /// When all of it but the last event had been scraped.
    pub(crate) midway: u64,
    _exporter: Exporter,
    _monitor: Monitor,
}

impl World {
    /// Lets it happen.
    pub(crate) async fn new(account_label: bool) -> Self {
        let from = now() - LATE_AFTER.as_secs() * 2 - 1;
        let logs = VictoriaLogs::start().await;
        // It knows the one account and refuses the other.
        let monitor = Monitor::start();
        let mut exporter = Setup::default()
            .accounts(&[(ACCOUNT, &[TOKEN]), (SUBACCOUNT, &[SUBACCOUNT_TOKEN])])
            .yaml(&format!("metrics: {{account_label: {account_label}}}"))
            .yaml(&format!("backfill: {{enabled: true, url: '{}'}}", monitor.url()))
            .yaml("error_catalogue: DIR/codes.json")
            .file("codes.json", r#"[{"code": 11200, "message": "HTTP retrieval failure"}]"#)
            .yaml(&format!("late_after: {}s", LATE_AFTER.as_secs()))
            .yaml(&format!("otlp: {{endpoint: '{}', protocol: http/protobuf}}", logs.endpoint()))
            .start()
            .await;
        let prometheus = Prometheus::of(Release::Three).scraping(&exporter).await;
        prometheus.scrapes(2).await;
        let (last, first) = EVENTS.split_last().expect("there are events");
        for (number, fed) in first.iter().enumerate() {
            post(&exporter, *fed, number).await;
        }
        for number in [0, 1] {
            // Twilio was not sure whether it had arrived.
            post(&exporter, EVENTS[number], number).await;
        }
        refused(&exporter).await;
        assert_eq!(
            exporter.post(&Event::new(100, "11200").with("Payload", "not json")).await,
            Some(204),
            "quarantined"
        );
        reload(&exporter).await;
        // The first of them has the new series at 0; and seconds are whole.
        prometheus.scrapes(4).await;
        let midway = now() - 1;
        assert!(exporter.terminate().await.success());
        exporter.start_again().await;
        post(&exporter, *last, first.len()).await;
        let records = EVENTS.len();
        exporter.metric_is("twilio_debugger_exporter_otlp_records_total", records as f64).await;
        prometheus.scrapes(4).await;
        exporter.metrics().await.assert_adds_up();
        Self { prometheus, logs, from, midway, _exporter: exporter, _monitor: monitor }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

async fn post(exporter: &Exporter, fed: Fed, number: usize) {
    let event = fed.event(number);
    let token = if fed.by_subaccount { SUBACCOUNT_TOKEN } else { TOKEN };
    let status = exporter.post_signed(&event, &event.signature_for(PUBLIC_URL, token)).await;
    assert_eq!(status, Some(204), "{event:?}");
}

/// Three that are not let in: two with a wrong signature, one without any.
async fn refused(exporter: &Exporter) {
    for number in [101, 102] {
        let event = Event::new(number, "11200");
        assert_eq!(exporter.post_signed(&event, &event.signature_for(PUBLIC_URL, "wrong")).await, Some(403));
    }
    let unsigned = exporter.client.post(format!("http://{}/twilio", exporter.webhook)).body("a=b");
    let unsigned =
        unsigned.header("content-type", "application/x-www-form-urlencoded").send().await.expect("an answer");
    assert_eq!(unsigned.status(), 403);
}

async fn reload(exporter: &Exporter) {
    let answer = exporter.client.post(format!("http://{}/-/reload", exporter.telemetry)).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
}
