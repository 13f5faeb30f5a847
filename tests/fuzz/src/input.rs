//! An input as a row of small values. Lengths stand before what they measure, so that an input can be
//! written by hand and a change in one place moves little of the rest.

/// What is left of an input. Past its end every value is 0 and every chunk is empty.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Begins at the front of an input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Takes a byte as an index below `count`.
    pub fn index(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// Takes four bytes as a signed number, high byte first.
    pub fn number(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    /// Takes as many bytes as the byte before them says, or what is left.
    pub fn chunk(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(length);
        self.0 = rest;
        chunk
    }

    /// Takes a chunk as text.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.chunk()).into_owned()
    }

    /// Takes all up to the first zero byte, which is left out.
    pub fn until_zero(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        let end = end.unwrap_or(self.0.len());
        let chunk = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        chunk
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (array, rest) = match self.0.split_first_chunk::<N>() {
            Some((array, rest)) => (*array, rest),
            None => ([0; N], &[][..]),
        };
        self.0 = rest;
        array
    }
}
