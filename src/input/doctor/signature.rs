//! The header's text to the MAC it means, however it is written.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::NotASignature;
use super::mistake::Mistake;
use crate::account::Mac;
use crate::input::signature::decode_mac;

/// A MAC and what is wrong with the way it was written.
pub(super) type Written = (Mac, Option<Mistake>);

/// Every MAC that `text` may mean; one, if it is written as Twilio writes it.
pub(super) fn forms(text: &str) -> Result<Vec<Written>, NotASignature> {
    if let Some(mac) = decode_mac(text.as_bytes()) {
        return Ok(vec![(mac, None)]);
    }
    let bare = text.trim().trim_matches(['"', '\'']).trim();
    let bare = bare.strip_prefix("sha1=").unwrap_or(bare);
    if bare.is_empty() {
        return Err(NotASignature::Empty);
    }
    if let Some(mac) = decode_mac(bare.as_bytes()) {
        return Ok(vec![(mac, Some(Mistake::SignatureWrapped))]);
    }
    let decoded = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .filter_map(|engine| engine.decode(bare).ok())
        .chain(from_hex(bare))
        .collect::<Vec<_>>();
    let mistake = if bare.len() == 40 { Mistake::SignatureHex } else { Mistake::SignatureBase64Url };
    let macs: Vec<Written> =
        decoded.iter().filter_map(|bytes| Some((bytes.as_slice().try_into().ok()?, Some(mistake)))).take(1).collect();
    match macs.is_empty() {
        false => Ok(macs),
        true if decoded.iter().any(|bytes| bytes.len() == 32) => Err(NotASignature::Sha256),
        true => Err(NotASignature::Shape),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
