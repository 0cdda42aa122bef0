//! What the county's mail server reads of a message: its headers, unfolded and decoded (RFC 5322, RFC 2047).

/// Headers and body of a message as it was sent, lines ended by CRLF.
pub struct Message<'a> {
    headers: Vec<(String, String)>,
    body: &'a str,
}

impl<'a> Message<'a> {
    pub fn parse(text: &'a str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.split("\r\n") {
            match (line.strip_prefix([' ', '\t']), headers.last_mut()) {
                (Some(folded), Some((_, value))) => {
                    value.push(' ');
                    value.push_str(folded.trim_start());
                }
                _ => {
                    if let Some((name, value)) = line.split_once(':') {
                        headers.push((name.to_owned(), value.trim_start().to_owned()));
                    }
                }
            }
        }
        Self { headers, body }
    }

    /// The first header of this name, in any case, decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(decode(value))
    }

    pub fn body(&self) -> &'a str {
        self.body
    }
}

/// Decodes the encoded words (`=?utf-8?b?…?=`) of a header; what isn't one stays as it is.
fn decode(value: &str) -> String {
    let mut decoded = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, candidate) = rest.split_at(start);
        let Some((word, length)) = encoded_word(candidate) else {
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = &candidate[2..];
            after_word = false;
            continue;
        };
        // Space between two encoded words isn't part of the text.
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        decoded.push_str(&word);
        rest = &candidate[length..];
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

/// The text of the encoded word that `text` begins with, and the word's length.
fn encoded_word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.get(2..)?.splitn(4, '?');
    let (charset, encoding, content, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if !end.starts_with('=') || !(charset.eq_ignore_ascii_case("utf-8")) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => base64(content)?,
        "Q" | "q" => quoted(content)?,
        _ => return None,
    };
    let length = 2 + charset.len() + 1 + encoding.len() + 1 + content.len() + 2;
    Some((String::from_utf8_lossy(&bytes).into_owned(), length))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(bits.checked_shr(held)?.to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfolds_and_decodes_headers() {
        let message = Message::parse(
            "Message-ID: <a@b>\r\nsubject: =?utf-8?b?U3QgSmFtZXPigJkg?=\r\n =?utf-8?q?Surgery_=3D?= now\r\n\r\nBody\r\n",
        );
        assert_eq!(message.header("message-id").as_deref(), Some("<a@b>"));
        assert_eq!(message.header("Subject").as_deref(), Some("St James’ Surgery = now"));
        assert_eq!(message.body(), "Body\r\n");
    }

    #[test]
    fn leaves_alone_what_is_no_encoded_word() {
        for text in ["2 =? 3", "=?utf-8?x?abc?=", "=?utf-8?b?not*base64?=", "=?", "=?utf-8?b?"] {
            assert_eq!(decode(text), text);
        }
    }
}
