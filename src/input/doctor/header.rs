//! `X-Twilio-Signature`: the MAC that its text means, however it is written.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::NotASignature;
use super::guess::Guess;
use super::mistake::Mistake;
use crate::account::Mac;
use crate::input::signature::decode_mac;

/// Reads the MAC; right, if it is written as Twilio writes it.
pub(super) fn mac(text: &str) -> Result<Guess<Mac>, NotASignature> {
    if let Some(mac) = decode_mac(text.as_bytes()) {
        return Ok(Guess::right(mac));
    }
    let bare = text.trim().trim_matches(['"', '\'']).trim();
    let bare = bare.strip_prefix("sha1=").unwrap_or(bare);
    if bare.is_empty() {
        return Err(NotASignature::Empty);
    }
    if let Some(mac) = decode_mac(bare.as_bytes()) {
        return Ok(Guess::wrong(mac, Mistake::SignatureWrapped));
    }
    let base64 = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    let as_base64 = base64.iter().filter_map(|alphabet| alphabet.decode(bare).ok());
    let as_hex = HEXLOWER_PERMISSIVE.decode(bare.as_bytes()).ok();
    let readings: Vec<Vec<u8>> = as_base64.chain(as_hex).collect();
    let mistake = if bare.len() == 40 { Mistake::SignatureHex } else { Mistake::SignatureBase64Url };
    match readings.iter().find_map(|bytes| Mac::try_from(bytes.as_slice()).ok()) {
        Some(mac) => Ok(Guess::wrong(mac, mistake)),
        None if readings.iter().any(|bytes| bytes.len() == 32) => Err(NotASignature::Sha256),
        None => Err(NotASignature::Shape),
    }
}
