//! placeholder
/// How much of an event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redaction {
    /// Keep all.
    None,
    /// Mask and drop.
    #[default]
    Standard,
    /// Keep only what stands in the log record's attributes.
    Strict,
}
