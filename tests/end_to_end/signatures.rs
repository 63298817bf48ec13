//! Whose signature opens what: Twilio's own SDKs sign, and one wrong bit closes.

mod keys;
mod sdks;
