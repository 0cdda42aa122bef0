//! How hard a letter is to read. The tests of scenarios measure their letters by it as well.

/// A year of school is as hard as this many of the formula's grades; letters for managers are for readers of eleven to fourteen.
pub const GRADE_MAX: f64 = 8.0;

/// Flesch and Kincaid's grade (1975) of a letter's sentences: years of school in the United States. Headings, signatures and
/// subjects aren't sentences; a list's item is one.
pub fn grade(text: &str) -> f64 {
    let body = text.split("\n-- \n").next().unwrap_or_default();
    let lines = body.lines().filter(|line| line.to_uppercase() != **line);
    let (mut sentences, mut words, mut syllables) = (0_usize, 0_usize, 0_usize);
    for line in lines {
        for sentence in line.split_inclusive(['.', ':', '?', ';']) {
            let of: Vec<&str> =
                sentence.split_whitespace().filter(|w| w.chars().any(char::is_alphabetic)).collect();
            if of.is_empty() {
                continue;
            }
            sentences += 1;
            words += of.len();
            syllables += of.iter().map(|word| syllables_of(word)).sum::<usize>();
        }
    }
    let (sentences, words) = (sentences.max(1) as f64, words.max(1) as f64);
    0.39 * words / sentences + 11.8 * syllables as f64 / words - 15.59
}

/// Groups of vowels, a silent e at the end left out.
fn syllables_of(word: &str) -> usize {
    let word: String = word.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    let is_vowel = |c: char| "aeiouy".contains(c);
    let mut groups = 0;
    let mut before = false;
    for c in word.chars() {
        groups += usize::from(is_vowel(c) && !before);
        before = is_vowel(c);
    }
    let is_silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    (groups - usize::from(is_silent)).max(1)
}

#[test]
fn the_formula_tells_a_hard_text_from_a_plain_one() {
    assert!(grade("The line is down. Use the phone. We will write when it is back.") < 2.0);
    let hard = "Notwithstanding the aforementioned considerations regarding interoperability, organisational \
                representatives should endeavour to facilitate appropriate communication methodologies.";
    assert!(grade(hard) > 15.0);
}
