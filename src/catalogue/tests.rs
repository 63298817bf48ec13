use std::fmt::Write as _;

use super::{Catalogue, ListError, NAME_CHARS_MAX, page_of_code, page_of_event};
use crate::error_code::ErrorCode;
use crate::sid::EventSid;

/// Two entries with the twelve keys of Twilio's list, in words of ours.
const LIST: &str = r###"[
  {"code": 13224, "message": "Dial: made up for a test", "log_level": "WARNING", "secondary_message": null, "log_type": "APPLICATION",
   "docs": "## WARNING\r\n\r\n* none", "causes": "* none", "solutions": "* none", "description": null,
   "product": "Programmable Voice", "date_created": "2016-05-26 23:39:34", "last_updated": "2021-03-24 16:42:04"},
  {"code": 11200, "message": " made up\r\nfor a  test ", "log_level": "ERROR", "secondary_message": null, "log_type": null, "docs": "",
   "causes": "", "solutions": "", "description": null, "product": null, "date_created": "2016-05-26 23:39:34",
   "last_updated": "2021-03-24 16:42:04"}
]"###;

fn code(code: u32) -> ErrorCode {
    ErrorCode::Code(code)
}

fn fault(json: &str) -> String {
    Catalogue::parse(json).expect_err("a fault").to_string()
}

#[test]
fn twilios_list_gives_titles_products_and_pages() {
    let catalogue = Catalogue::parse(LIST).expect("a list");
    assert_eq!(catalogue.len(), 2);
    let dial = catalogue.about(code(13_224));
    assert_eq!((dial.title, dial.product), (Some("Dial: made up for a test"), Some("Programmable Voice")));
    assert_eq!(dial.docs_url.as_deref(), Some("https://www.twilio.com/docs/api/errors/13224"));
    let fetch = catalogue.about(code(11_200));
    assert_eq!((fetch.title, fetch.product), (Some("made up for a test"), Some("Webhooks")), "no product: the table's");
    let unlisted = catalogue.about(code(30_007));
    assert_eq!((unlisted.title, unlisted.product, unlisted.docs_url), (None, Some("Messaging"), None));
}

#[test]
fn without_a_list_there_is_the_product() {
    let built_in = Catalogue::default();
    assert!(built_in.is_empty());
    let about = built_in.about(code(13_224));
    assert_eq!((about.title, about.product, about.docs_url), (None, Some("Voice"), None));
}

#[test]
fn a_product_is_found_by_either_name() {
    let catalogue = Catalogue::parse(LIST).expect("a list");
    assert!(
        catalogue.is_of_product(code(13_224), "voice") && catalogue.is_of_product(code(13_224), "Programmable Voice")
    );
    assert!(
        !catalogue.is_of_product(code(13_224), "Messaging") && !catalogue.is_of_product(ErrorCode::Absent, "Voice")
    );
    let products = catalogue.products();
    assert!(products.windows(2).all(|pair| pair[0] < pair[1]), "{products:?}");
    assert!(products.contains(&"Voice") && products.contains(&"Programmable Voice"));
}

/// Whoever downloads a list anew must know which entry of two thousand is at fault.
#[test]
fn a_broken_list_names_the_entry_and_the_fault() {
    assert!(fault("").starts_with("is not Twilio's list of error codes, a JSON array: EOF"));
    assert!(fault("{}").contains("invalid type: map, expected a sequence"));
    assert!(fault("<!doctype html>").contains("expected value at line 1 column 1"));
    assert_eq!(fault("[]"), "lists no code");
    let good = r#"{"code": 1, "message": "a"}"#;
    for (bad, sentence) in [
        (r#"{"message": "a"}"#, "entry 2: missing field `code`"),
        (r#"{"code": 11200}"#, "entry 2 (code 11200): missing field `message`"),
        (r#"{"code": 11200, "message": 7}"#, "entry 2 (code 11200): invalid type: integer `7`, expected a string"),
        (r#"{"code": "11200", "message": "a"}"#, "entry 2: invalid type: string \"11200\", expected u32"),
        (r#"{"code": -1, "message": "a"}"#, "entry 2: invalid value: integer `-1`, expected u32"),
        (
            r#"{"code": 1000000, "message": "a"}"#,
            "entry 2 (code 1000000): code must have at most six digits, not 1000000",
        ),
        (
            r#"{"code": 1, "message": "a", "product": []}"#,
            "entry 2 (code 1): invalid type: sequence, expected a string",
        ),
        ("7", "entry 2: invalid type: integer `7`, expected struct Entry"),
    ] {
        assert_eq!(fault(&format!("[{good},\n{bad}]")), sentence);
    }
    assert!(matches!(Catalogue::parse("[{]"), Err(ListError::Json(_))));
    Catalogue::parse(&format!("[{good}, {{\"code\": 999999, \"message\": \"\"}}]"))
        .expect("the largest, without a title");
}

#[test]
fn a_title_is_cut_where_labels_end() {
    let list = |title: &str| format!(r#"[{{"code": 1, "message": "{title}"}}]"#);
    for length in [NAME_CHARS_MAX, NAME_CHARS_MAX + 1] {
        let catalogue = Catalogue::parse(&list(&"é".repeat(length))).expect("a list");
        assert_eq!(catalogue.about(code(1)).title, Some("é".repeat(NAME_CHARS_MAX).as_str()), "{length}");
    }
    let blank = Catalogue::parse(&list(" \\t ")).expect("a list");
    assert_eq!(blank.about(code(1)).title, None);
}

/// As many as Twilio has, five times over.
#[test]
fn a_list_of_ten_thousand_codes_is_read() {
    let mut list = String::from("[");
    for code in 10_000..20_000 {
        let _ = write!(
            list,
            "{}{{\"code\": {code}, \"message\": \"title {code}\"}}",
            if code == 10_000 { "" } else { "," }
        );
    }
    list.push(']');
    let catalogue = Catalogue::parse(&list).expect("a list");
    assert_eq!((catalogue.len(), catalogue.about(code(19_999)).title), (10_000, Some("title 19999")));
}

#[test]
fn what_is_no_code_has_no_page_and_no_product() {
    let catalogue = Catalogue::parse(LIST).expect("a list");
    for code in [ErrorCode::Absent, ErrorCode::Invalid] {
        assert_eq!((page_of_code(code), catalogue.about(code)), (None, super::About::default()));
    }
}

#[test]
fn code_and_event_have_their_pages() {
    let page = page_of_code(code(11_200));
    assert_eq!(page.as_deref(), Some("https://www.twilio.com/docs/api/errors/11200"));
    let sid = EventSid::parse("NO00000000000000000000000000000001").expect("a Sid");
    assert_eq!(page_of_event(&sid), format!("https://www.twilio.com/console/debugger/{sid}"));
}
