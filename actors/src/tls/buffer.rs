//! A run of bytes that is filled at one end and used up at the other.

/// Keeps its memory, and clears none of it.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// One with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// All the room behind what is filled, and no less than `least`. Moves and grows only when it must.
    pub(super) fn space(&mut self, least: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < least && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < least {
            self.bytes.resize(self.end + least, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Tells how many bytes were put into [`space`](Self::space).
    pub(super) fn fill(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.bytes.len());
    }

    /// Adds bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.fill(bytes.len());
    }

    /// Uses up bytes at the front.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_moves_to_the_front_when_there_is_no_more_room_behind_it() {
        let mut buffer = Buffer::with_capacity(8);
        buffer.extend(b"abcdef");
        buffer.consume(4);
        assert_eq!(buffer.space(2).len(), 2);
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.space(4).len(), 6);
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.space(9).len(), 9);
        buffer.extend(b"ghi");
        assert_eq!(buffer.filled_mut(), b"efghi");
        buffer.consume(5);
        assert!(buffer.is_empty());
        assert_eq!(buffer.space(11).len(), 11);
    }
}
