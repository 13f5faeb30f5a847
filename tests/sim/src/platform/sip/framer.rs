//! SIP over a byte stream (RFC 3261 §18.3): messages cut by their Content-Length.

use super::message::{Malformed, Message, head_end};

/// Collects the bytes of a TCP connection and gives out whole messages.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, `None` until more has come.
    ///
    /// # Errors
    /// When the stream is no SIP, lacks a Content-Length, or a message passes [`MESSAGE_BYTES_MAX`].
    pub fn next_message(&mut self) -> Result<Option<Message>, Malformed> {
        // Empty lines before a message keep connections alive (RFC 5626 §3.5.1).
        let blank = self
            .buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.buffer.drain(..blank);
        let Some(end) = head_end(&self.buffer) else {
            return if self.buffer.len() > MESSAGE_BYTES_MAX {
                Err(Malformed("head too long".into()))
            } else {
                Ok(None)
            };
        };
        let mut message = Message::parse_head(&self.buffer[..end])?;
        let length = message
            .content_length()?
            .ok_or_else(|| Malformed("no Content-Length on TCP".into()))?;
        if length > MESSAGE_BYTES_MAX {
            return Err(Malformed(format!("Content-Length {length}")));
        }
        if self.buffer.len() < end + length {
            return Ok(None);
        }
        message.body = self.buffer[end..end + length].to_vec();
        self.buffer.drain(..end + length);
        Ok(Some(message))
    }
}

/// More than any message of GB/T 28181 needs.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_bytes_arrive() {
        let bytes = b"\r\n\r\nMESSAGE sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabcBYE sip:a@b SIP/2.0\r\nl: 0\r\n\r\n";
        let mut framer = Framer::default();
        let mut methods = Vec::new();
        for byte in bytes {
            framer.push(&[*byte]);
            if let Some(message) = framer.next_message().unwrap() {
                methods.push((message.method().to_owned(), message.body.len()));
            }
        }
        assert_eq!(methods, [("MESSAGE".to_owned(), 3), ("BYE".to_owned(), 0)]);
    }

    #[test]
    fn a_message_without_length_ends_the_connection() {
        let mut framer = Framer::default();
        framer.push(b"BYE sip:a@b SIP/2.0\r\n\r\n");
        assert!(framer.next_message().is_err());
    }
}
