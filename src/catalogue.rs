//! What is known of Twilio's codes without asking Twilio: the product, by a small table of ours, and where to read on.
//!
//! It knows nothing of events: an event's own level and words always win over what stands here.

mod products;

use crate::error_code::ErrorCode;
use crate::sid::EventSid;

/// The product that `code` belongs to, for example `Voice`; none where the code's range does not say.
#[must_use]
pub fn product_of(code: ErrorCode) -> Option<&'static str> {
    let ErrorCode::Code(code) = code else { return None };
    products::product_of(code)
}

/// Every product there is, in the order of the alphabet.
#[must_use]
pub fn all_products() -> Vec<&'static str> {
    let mut products: Vec<_> = products::all().collect();
    products.sort_unstable();
    products.dedup();
    products
}

/// Twilio's page of `code`; none for what is no code.
///
/// Source: <https://www.twilio.com/docs/api/errors>
#[must_use]
pub fn page_of_code(code: ErrorCode) -> Option<String> {
    matches!(code, ErrorCode::Code(_)).then(|| format!("https://www.twilio.com/docs/api/errors/{code}"))
}

/// The page of an event in Twilio's Console, for whoever is logged in to its account.
///
/// Twilio documents no address for it. This form stands in the handlers of many who post links to such pages, and is older than the
/// Console's present address: whether the Console still leads on from it cannot be known without an account.
#[must_use]
pub fn page_of_event(sid: &EventSid) -> String {
    format!("https://www.twilio.com/console/debugger/{sid}")
}

#[cfg(test)]
mod tests {
    use super::{all_products, page_of_code, page_of_event, product_of};
    use crate::error_code::ErrorCode;
    use crate::sid::EventSid;

    #[test]
    fn what_is_no_code_has_neither_product_nor_page() {
        for code in [ErrorCode::Absent, ErrorCode::Invalid] {
            assert_eq!((product_of(code), page_of_code(code)), (None, None));
        }
    }

    #[test]
    fn code_and_event_have_their_pages() {
        let page = page_of_code(ErrorCode::Code(11_200));
        assert_eq!(page.as_deref(), Some("https://www.twilio.com/docs/api/errors/11200"));
        let sid = EventSid::parse("NO00000000000000000000000000000001").expect("a Sid");
        assert_eq!(page_of_event(&sid), format!("https://www.twilio.com/console/debugger/{sid}"));
    }

    #[test]
    fn each_product_is_named_once() {
        assert!(all_products().windows(2).all(|pair| pair[0] < pair[1]));
        assert!(all_products().contains(&"Voice"));
    }
}
