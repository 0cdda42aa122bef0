//! Lengths of time as a scenario writes them: `90s`, `1h 30m`, `+5d`, `250ms`.

use std::time::Duration;

/// The text isn't a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a length of time; write it like 30s, 1h 30m or +5d (units: ms, s, m, h, d)")]
pub struct NotALength(String);

/// Ten years: longer than any scenario, and far from where milliseconds overflow.
const MS_MAX: f64 = 10.0 * 366.0 * 86_400_000.0;

/// Reads a sum of numbers with units; a leading `+` is for the reader's eye and means nothing.
pub fn parse(text: &str) -> Result<Duration, NotALength> {
    let wrong = || NotALength(text.chars().take(40).collect());
    let mut rest = text.trim().trim_start_matches('+').trim_start();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut ms = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        ms += number * unit_ms(&rest[..letters]).ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
    }
    if ms > MS_MAX {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to MS_MAX, see above")]
    Ok(Duration::from_millis(ms.round() as u64))
}

fn unit_ms(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, secs) in [
            ("30s", 30.0),
            ("+10m", 600.0),
            ("1h 30m", 5_400.0),
            ("5d6h", 453_600.0),
            ("0.25s", 0.25),
            ("0s", 0.0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs_f64(secs)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_length_and_shows_one() {
        for text in ["", "+", "soon", "10", "10 parsecs", "-5s", "1.2.3s", "9999999999999d"] {
            let error = parse(text).expect_err(text);
            assert!(error.to_string().contains("30s"), "{error}");
        }
    }
}
