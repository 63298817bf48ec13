//! What is known of Twilio's codes without asking Twilio: the title and product that a list of Twilio's gives them, the product by a
//! small table of ours, and where to read on.
//!
//! It knows nothing of events: an event's own level and words always win over what stands here. The list is published by Twilio, and
//! its text is Twilio's: an operator downloads it, nothing of it is shipped.
//!
//! Source: <https://www.twilio.com/docs/api/errors>, and the list that is linked there,
//! <https://www.twilio.com/docs/api/errors/twilio-error-codes.json>.

mod list;
mod products;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

pub use self::list::ListError;
use crate::error_code::ErrorCode;
use crate::sid::EventSid;

/// The most characters of a title or a product; what is longer is cut. The longest title that Twilio has published has 302.
pub const NAME_CHARS_MAX: usize = 200;

/// What is known of codes. Without a list, the products of our table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    codes: HashMap<u32, Listed>,
}

/// The catalogue in force, which a reload may replace.
pub type InForce = watch::Receiver<Arc<Catalogue>>;

/// What a list says of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    title: Option<Box<str>>,
    product: Option<Box<str>>,
}

/// What is known of one code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// What it is called, by the list.
    pub title: Option<&'a str>,
    /// The product it belongs to, by the list, or else by the range it lies in.
    pub product: Option<&'a str>,
    /// Twilio's page of it, where the list has it.
    pub docs_url: Option<String>,
}

impl Catalogue {
    /// Reads Twilio's list: JSON, an array with an object a code. Of each, `code`, `message` and `product` count; a code that stands
    /// twice is what it is said to be last.
    ///
    /// # Errors
    ///
    /// [`ListError`], which names the entry and its fault.
    pub fn parse(json: &str) -> Result<Self, ListError> {
        Ok(Self { codes: list::parse(json)? })
    }

    /// This catalogue for good, for whoever is never told of another.
    #[must_use]
    pub fn in_force(self: Arc<Self>) -> InForce {
        watch::channel(self).1
    }

    /// How many codes the list has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// What is known of `code`; nothing of what is no code.
    #[must_use]
    pub fn about(&self, code: ErrorCode) -> About<'_> {
        let ErrorCode::Code(number) = code else { return About::default() };
        let listed = self.codes.get(&number);
        let product = listed.and_then(|listed| listed.product.as_deref());
        About {
            title: listed.and_then(|listed| listed.title.as_deref()),
            product: product.or_else(|| products::product_of(number)),
            docs_url: listed.and_then(|_| page_of_code(code)),
        }
    }

    /// Whether `code` belongs to `product`, in any case: by the list's name of it, or by ours.
    #[must_use]
    pub fn is_of_product(&self, code: ErrorCode, product: &str) -> bool {
        let ErrorCode::Code(number) = code else { return false };
        let names = [self.about(code).product, products::product_of(number)];
        names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(product))
    }

    /// Every product there is, in the order of the alphabet.
    #[must_use]
    pub fn products(&self) -> Vec<&str> {
        let mut products: Vec<&str> = products::all().collect();
        products.extend(self.codes.values().filter_map(|listed| listed.product.as_deref()));
        products.sort_unstable();
        products.dedup();
        products
    }
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
mod tests;
