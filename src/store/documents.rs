//! How the documents of a group stand in the store: JSON, one event a line, compressed together.
//!
//! What goes wrong at one moment goes wrong for one reason, so the events of a group are much alike. Uncompressed they were most
//! of what a commit waits for, and of what fills the disk.

use lz4_flex::block::{compress_into, decompress, get_maximum_output_size};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

/// More than the events of any group; what claims to be larger is damaged.
const LINES_BYTES_MAX: usize = 64 << 20;

/// The largest buffer that is kept from one group to the next.
pub(super) const BUFFER_BYTES_MAX: usize = 1 << 20;

/// A size, four bytes, little-endian, and an LZ4 block that decompresses to so many bytes.
#[derive(Debug, Default)]
pub(super) struct Packed {
    buffer: Vec<u8>,
    length: usize,
}

impl Packed {
    /// Compresses `lines` into the buffer of what was packed before.
    pub(super) fn pack(&mut self, lines: &str) {
        let bytes_max = size_of::<u32>() + get_maximum_output_size(lines.len());
        if self.buffer.len() < bytes_max || self.buffer.len() > BUFFER_BYTES_MAX {
            self.buffer = vec![0; bytes_max];
        }
        let (size, block) = self.buffer.split_at_mut(size_of::<u32>());
        size.copy_from_slice(&u32::try_from(lines.len()).expect("a group is smaller").to_le_bytes());
        self.length =
            size_of::<u32>() + compress_into(lines.as_bytes(), block).expect("the buffer has the largest size");
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// Documents read back, whatever version of the store they were written by: up to version 2 they were not compressed.
#[derive(Debug)]
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('\n')
    }
}

impl FromSql for Lines {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Blob(packed) => unpack(packed).map(Self),
            text => String::column_result(text).map(Self),
        }
    }
}

/// What is damaged: nothing that was stored by this program.
#[derive(Debug, thiserror::Error)]
#[error("the documents of a group are damaged")]
struct Damaged;

fn unpack(packed: &[u8]) -> FromSqlResult<String> {
    let (size, block) = packed.split_first_chunk().ok_or_else(|| FromSqlError::other(Damaged))?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok().filter(|size| *size <= LINES_BYTES_MAX);
    let lines = decompress(block, size.ok_or_else(|| FromSqlError::other(Damaged))?).map_err(FromSqlError::other)?;
    String::from_utf8(lines).map_err(FromSqlError::other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::{FromSql as _, ValueRef};

    use super::{LINES_BYTES_MAX, Lines, Packed};

    fn lines_of(value: ValueRef<'_>) -> Vec<String> {
        Lines::column_result(value).expect("documents").iter().map(str::to_owned).collect()
    }

    proptest! {
        #[test]
        fn documents_come_back_as_they_were(groups in prop::collection::vec(prop::collection::vec("[^\\n]{0,300}", 1..40), 1..4)) {
            let mut packed = Packed::default();
            for group in groups {
                packed.pack(&group.join("\n"));
                prop_assert_eq!(lines_of(ValueRef::Blob(packed.as_bytes())), group);
            }
        }

        #[test]
        fn damage_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Lines::column_result(ValueRef::Blob(&bytes));
            let giant = u32::try_from(LINES_BYTES_MAX + 1).expect("fits").to_le_bytes();
            prop_assert!(Lines::column_result(ValueRef::Blob(&[&giant[..], &bytes[..]].concat())).is_err());
        }
    }

    #[test]
    fn what_was_stored_uncompressed_is_read_too() {
        assert_eq!(lines_of(ValueRef::Text(b"{}\n{\"a\":1}")), ["{}", "{\"a\":1}"]);
    }

    #[test]
    fn a_giant_of_a_group_is_packed_and_its_buffer_not_kept() {
        let mut packed = Packed::default();
        packed.pack(&"x".repeat(16 << 20));
        assert_eq!(lines_of(ValueRef::Blob(packed.as_bytes()))[0].len(), 16 << 20);
        packed.pack("{}");
        assert!(packed.buffer.len() < 1024);
        assert_eq!(lines_of(ValueRef::Blob(packed.as_bytes())), ["{}"]);
    }
}
