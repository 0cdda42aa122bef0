//! Patterns of answers: `*` stands for any text, none included. Pure, and never slower than reading pattern and text.

/// Whether the whole text fits the pattern.
///
/// Each piece between two stars is taken where it first appears: a later place would only leave less for those that
/// follow. So nothing is ever tried twice, whatever the pattern.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(inner) = text.strip_suffix(tail) else { return false };
    text = inner;
    for piece in middle.split('*') {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text) in [
            ("10.*", "10.1.2.3"),
            ("*", ""),
            ("*", "anything"),
            ("**", "x"),
            ("*.nhs.uk", "www.nhs.uk"),
            ("10.*.*.1", "10.2.3.1"),
            ("a*b*c", "aXbYbZc"),
            ("plain", "plain"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("10.*", "110.1.2.3"),
            ("*.nhs.uk", "nhs.uk"),
            // What the head took, the tail can't take again.
            ("ab*ba", "aba"),
            ("a*b*c", "ac"),
            ("", "x"),
            ("plain", "plain text"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    /// What a pattern means, in so many words, and slow.
    fn means(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| means(rest, &text[skipped..])),
            Some((first, rest)) => text.first() == Some(first) && means(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_meaning_says(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &text), means(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn a_text_with_pieces_starred_out_fits(text in ".{0,30}", from in 0_usize..30, length in 0_usize..30) {
            prop_assume!(!text.contains('*'));
            let chars: Vec<char> = text.chars().collect();
            let from = from.min(chars.len());
            let to = (from + length).min(chars.len());
            let starred: String = chars[..from].iter().chain(['*'].iter()).chain(&chars[to..]).collect();
            prop_assert!(fits(&starred, &text));
        }
    }
}
