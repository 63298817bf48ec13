//! Which product a code belongs to, by the range it lies in.
//!
//! The names are ours, and short: they are values of a label. Twilio's own list names no product for a quarter of its codes, has
//! several names for one product, and grows; a range says something of a code that Twilio adds tomorrow, too. Ranges that Twilio
//! uses for several products at once are left out.
//!
//! Source: the codes and titles of <https://www.twilio.com/docs/api/errors>, in the published list of May 2023 (1,953 codes).

use std::ops::RangeInclusive;

/// The table, in the order of the codes.
const PRODUCTS: &[(RangeInclusive<u32>, &str)] = &[
    (400..=599, "REST API"),
    (10_000..=10_999, "Account"),
    (11_000..=11_999, "Webhooks"),
    (12_000..=12_999, "TwiML"),
    (13_000..=13_999, "Voice"),
    (14_100..=14_199, "Messaging"),
    (14_200..=14_213, "Voice"),
    (14_214..=14_299, "TaskRouter"),
    (14_300..=17_999, "Voice"),
    (19_000..=19_999, "Contacts"),
    (20_000..=20_999, "REST API"),
    (21_100..=21_199, "Account"),
    (21_200..=21_229, "Voice"),
    (21_230..=21_233, "SIP"),
    (21_234..=21_234, "Voice"),
    (21_235..=21_261, "SIP"),
    (21_262..=21_399, "Voice"),
    (21_400..=21_407, "Phone Numbers"),
    (21_408..=21_408, "Messaging"),
    (21_409..=21_469, "Phone Numbers"),
    (21_470..=21_499, "Account"),
    (21_500..=21_599, "Voice"),
    (21_600..=21_614, "Messaging"),
    (21_615..=21_615, "Phone Numbers"),
    (21_616..=21_627, "Messaging"),
    (21_628..=21_633, "Phone Numbers"),
    (21_634..=21_634, "SIP"),
    (21_644..=21_651, "Phone Numbers"),
    (21_652..=21_999, "Messaging"),
    (22_000..=22_999, "Phone Numbers"),
    (23_000..=23_999, "Messaging"),
    (30_000..=30_999, "Messaging"),
    (31_000..=31_999, "Voice"),
    (32_000..=32_299, "SIP"),
    (32_300..=32_399, "Interconnect"),
    (32_400..=32_999, "Voice"),
    (33_000..=33_999, "Wireless"),
    (34_000..=34_999, "Fax"),
    (35_000..=35_999, "Messaging"),
    (40_000..=40_999, "TaskRouter"),
    (45_000..=45_999, "Flex"),
    (48_000..=48_999, "Frontline"),
    (50_000..=50_999, "Conversations"),
    (51_000..=51_999, "Client SDKs"),
    (52_000..=52_999, "Notify"),
    (53_000..=53_999, "Video"),
    (54_000..=54_999, "Sync"),
    (55_000..=55_999, "TaskRouter"),
    (57_000..=57_999, "Messaging"),
    (58_000..=58_999, "Live"),
    (60_000..=60_099, "Lookup"),
    (60_200..=60_599, "Verify"),
    (60_600..=60_601, "Lookup"),
    (60_602..=60_605, "Verify"),
    (60_606..=60_699, "Lookup"),
    (60_700..=60_799, "Branded Calling"),
    (61_000..=61_999, "Add-ons"),
    (62_000..=62_999, "Interconnect"),
    (63_000..=63_999, "Channels"),
    (64_000..=64_999, "Voice"),
    (68_000..=68_999, "Verify"),
    (70_000..=70_999, "Account"),
    (80_000..=80_999, "Proxy"),
    (81_000..=81_999, "Studio"),
    (82_000..=82_999, "Functions"),
    (83_000..=83_999, "Super SIM"),
    (90_100..=90_499, "Autopilot"),
    (91_000..=91_999, "Event Streams"),
    (92_000..=92_999, "Content Templates"),
    (93_100..=93_104, "Event Streams"),
    (94_000..=94_999, "Transcriptions"),
    (456_000..=456_999, "Flex"),
];

/// The product that `code` belongs to; none for a range that stands for none or for several.
pub(super) fn product_of(code: u32) -> Option<&'static str> {
    let place = PRODUCTS.partition_point(|(range, _)| *range.end() < code);
    PRODUCTS.get(place).filter(|(range, _)| range.contains(&code)).map(|(_, product)| *product)
}

/// Every product of the table.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    PRODUCTS.iter().map(|(_, product)| *product)
}

#[cfg(test)]
mod tests {
    use super::{PRODUCTS, product_of};

    /// The table is searched by halving.
    #[test]
    fn the_ranges_stand_in_order_and_do_not_overlap() {
        assert!(PRODUCTS.iter().all(|(range, _)| range.start() <= range.end()));
        assert!(PRODUCTS.windows(2).all(|pair| pair[0].0.end() < pair[1].0.start()));
    }

    #[test]
    fn the_codes_that_people_meet_have_their_product() {
        for (code, product) in [
            (404, "REST API"),
            (11_200, "Webhooks"),
            (12_100, "TwiML"),
            (13_224, "Voice"),
            (14_107, "Messaging"),
            (14_222, "TaskRouter"),
            (20_003, "REST API"),
            (21_211, "Voice"),
            (21_408, "Messaging"),
            (21_610, "Messaging"),
            (30_007, "Messaging"),
            (32_009, "SIP"),
            (45_600, "Flex"),
            (60_203, "Verify"),
            (63_016, "Channels"),
            (80_901, "Proxy"),
            (81_016, "Studio"),
            (82_005, "Functions"),
            (93_101, "Event Streams"),
            (456_002, "Flex"),
        ] {
            assert_eq!(product_of(code), Some(product), "{code}");
        }
    }

    #[test]
    fn a_range_of_nobody_or_of_many_has_none() {
        for code in [0, 399, 600, 18_000, 29_999, 90_001, 99_999, 999_999] {
            assert_eq!(product_of(code), None, "{code}");
        }
    }
}
