//! Addresses that are masked: e-mail addresses, and telephone numbers. The log and the journal have none, and neither has a name that
//! stands in letters; a text that is told to those who have to act is told as it was written. Pure.

/// Digits of a telephone number, its country code included: from `01234 5678` to the longest that there may be.
const TELEPHONE_DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// The last digits of one, by which whoever knows it recognises it.
const TELEPHONE_SHOWN: usize = 3;

/// Enough of an address to recognise it by in a log, and no more: `m***@g82002.example`.
pub fn masked(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).filter(|c| !c.is_control()).collect();
    let domain: String = domain.chars().filter(|c| !c.is_control()).collect();
    format!("{first}***@{domain}")
}

/// A text with whatever looks like an e-mail address or a telephone number masked: the journal and the log have none, and a report names
/// others' too. `Ring Jo (jo@icb.example) on 01622 000123` becomes `Ring Jo (j***@icb.example) on ***123`.
pub fn anonymous(text: &str) -> String {
    without_telephones(&without_emails(text))
}

fn without_emails(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || "<>()[]{}\"'`,;:=".contains(c);
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_edge) {
        let word = piece.trim_end_matches(is_edge);
        if word.split_once('@').is_some_and(|(before, behind)| !before.is_empty() && !behind.is_empty()) {
            out.push_str(&masked(word));
        } else {
            out.push_str(word);
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}

fn without_telephones(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_inside = out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "+-_./#@".contains(c));
        let number = if is_inside { None } else { telephone(rest) };
        if let Some(number) = number {
            let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
            out.push_str("***");
            out.extend(&digits[digits.len().saturating_sub(TELEPHONE_SHOWN)..]);
            rest = &rest[number.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The telephone number with which a text begins: `+44 1622 000123`, `(01622) 000-123`, `07700900123`. A date, a time or the number of a
/// ticket is none: a number begins with a plus, or with a nought and an area code.
fn telephone(text: &str) -> Option<&str> {
    let is_between = |c: char| c.is_whitespace() || "-()\u{2010}\u{2011}\u{2013}".contains(c);
    let begins = text.trim_start_matches('(');
    let is_area = |digits: &str| digits.starts_with('0') && digits.len() >= 3;
    let area: String = begins.chars().take_while(char::is_ascii_digit).collect();
    if !begins.starts_with('+') && !is_area(&area) {
        return None;
    }
    // Digits behind a number that is whole are something else.
    let whole = if begins.starts_with('+') { 12 } else { 10 };
    let (mut digits, mut end, mut gap) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            (digits, end, gap) = (digits + 1, at + 1, 0);
        } else if digits < whole && is_between(c) && gap < 2 || c == '+' && digits == 0 {
            gap += 1;
        } else {
            // Part of a word, or of an amount, is no number.
            let is_cut = gap == 0 && (c.is_alphanumeric() || "_/:@".contains(c));
            if is_cut {
                return None;
            }
            break;
        }
    }
    TELEPHONE_DIGITS.contains(&digits).then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_keeps_the_first_letter_and_the_domain() {
        assert_eq!(masked("manager@g82002.example"), "m***@g82002.example");
        assert_eq!(masked("no-at-sign"), "n***@");
        assert_eq!(masked("m@a\r\nb.example"), "m***@ab.example");
        assert_eq!(masked(""), "***@");
    }

    #[test]
    fn a_text_has_no_addresses_left() {
        for (written, left) in [
            ("Ring Jo (jo@icb.example) on 01622 000123.", "Ring Jo (j***@icb.example) on ***123."),
            ("Jo, +44 (0)1622 000 123, or mail:jo@icb.example", "Jo, ***123, or mail:j***@icb.example"),
            ("(01622) 000-123; 07700900123", "***123; ***123"),
            ("020 7946 0123 at 07:12", "***123 at 07:12"),
            ("tel:01622000123", "tel:***123"),
            ("01622 000123 01622 000124 16 03 2023", "***123 ***124 16 03 2023"),
            ("0800\u{a0}028\u{a0}0123 ext 4", "***123 ext 4"),
            ("\u{202f}é 01622\u{2011}000123é", "\u{202f}é 01622\u{2011}000123é"),
        ] {
            assert_eq!(anonymous(written), left);
        }
        for kept in [
            "rebooted at 07:12 on 16 03 2023 10:15",
            "2026-03-16-1 at 2026-03-16T07:12:03.120Z",
            "ticket INC0012345678, REF-0123456789, #0123456789",
            "rolled back from 18.107.0012345678 to 10.0.0.1/24",
            "digest.1700000000000.00123456789abcde",
            "099 of 0175 practices, 6200 of 6200",
            "Jo @ NHS Kent, @jo",
            "",
        ] {
            assert_eq!(anonymous(kept), kept);
        }
    }
}
