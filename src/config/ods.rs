//! The NHS's list of practices (`epraccur.csv`) → rows for `practices.csv`.
//!
//! The file has 27 columns and no header. It comes in two layouts with the same columns but other words:
//! the one that was published until 2025 (status `A`, `C`, `D`, `P`; prescribing setting `4`) and that of
//! the ODS Data Search and Export service (status `ACTIVE`, `INACTIVE`, `DORMANT`; role `RO76`).

use std::collections::{BTreeMap, HashMap};

/// Columns of the file, from 0.
const CODE: usize = 0;
const NAME: usize = 1;
const ICB: usize = 3;
const POSTCODE: usize = 9;
const CLOSED: usize = 11;
const STATUS: usize = 12;
const SUB_ICB: usize = 14;
const SETTING: usize = 25;
const WIDTH: usize = 27;

/// The file isn't what it should be.
#[derive(Debug, thiserror::Error)]
pub enum OdsError {
    #[error("line {line} has {found} columns, and epraccur.csv has {WIDTH}; is it the right file?")]
    Width { line: u64, found: usize },
    #[error("line {line} has the status {status:?}, which is in neither layout of epraccur.csv")]
    Status { line: u64, status: String },
    #[error("the file has no row in it")]
    Empty,
    #[error("the demographics file has no column {0:?}")]
    Column(&'static str),
    #[error("line {line}: the list size of {code} is {text:?}, which is no number")]
    Size { line: u64, code: String, text: String },
    #[error("the file is not CSV")]
    Csv(#[from] csv::Error),
    #[error("practices.csv can't be put together")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An organisation of the file that prescribes as a GP practice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpPractice {
    pub ods: String,
    /// In ordinary case.
    pub name: String,
    pub postcode: String,
    pub icb: String,
    pub sub_icb: String,
    pub standing: Standing,
}

/// What the list says of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Active,
    Closed,
    Dormant,
    Proposed,
}

/// The GP practices of the file, and what else it holds.
#[derive(Debug, Clone)]
pub struct OdsFile {
    pub practices: Vec<GpPractice>,
    /// Organisations that are no GP practices (clinics, prisons, …), by ICB and sub-ICB.
    others: BTreeMap<(String, String), usize>,
}

/// The practices of one code, and what was left out.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    pub practices: Vec<&'a GpPractice>,
    /// Reasons in words, with their counts.
    pub left_out: Vec<(&'static str, usize)>,
}

impl OdsFile {
    /// Reads either layout.
    pub fn read(bytes: &[u8]) -> Result<Self, OdsError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut file = Self { practices: Vec::new(), others: BTreeMap::new() };
        let mut row = csv::ByteRecord::new();
        let mut any = false;
        while rows.read_byte_record(&mut row)? {
            let line = row.position().map_or(0, csv::Position::line);
            if row.len() != WIDTH {
                return Err(OdsError::Width { line, found: row.len() });
            }
            let cell = |column: usize| {
                String::from_utf8_lossy(row.get(column).unwrap_or_default()).trim().to_owned()
            };
            let standing = match cell(STATUS).as_str() {
                "A" | "ACTIVE" => Standing::Active,
                "C" | "INACTIVE" => Standing::Closed,
                "D" | "DORMANT" => Standing::Dormant,
                "P" => Standing::Proposed,
                // Some editions begin with the names of the columns.
                _ if !any && line == 1 && !cell(CODE).contains(|c: char| c.is_ascii_digit()) => continue,
                status => return Err(OdsError::Status { line, status: status.to_owned() }),
            };
            any = true;
            let (icb, sub_icb) = (cell(ICB), cell(SUB_ICB));
            if !cell(SETTING).split('|').any(|setting| matches!(setting, "4" | "RO76")) {
                *file.others.entry((icb, sub_icb)).or_default() += 1;
                continue;
            }
            let standing = if standing == Standing::Active && !cell(CLOSED).is_empty() {
                Standing::Closed
            } else {
                standing
            };
            file.practices.push(GpPractice {
                ods: cell(CODE),
                name: ordinary_case(&cell(NAME)),
                postcode: cell(POSTCODE),
                icb,
                sub_icb,
                standing,
            });
        }
        if any { Ok(file) } else { Err(OdsError::Empty) }
    }

    /// ICB and sub-ICB codes, with the number of active practices of each.
    pub fn codes(&self) -> BTreeMap<(String, String), usize> {
        let mut codes = BTreeMap::new();
        for practice in self.practices.iter().filter(|practice| practice.standing == Standing::Active) {
            *codes.entry((practice.icb.clone(), practice.sub_icb.clone())).or_default() += 1;
        }
        codes
    }

    /// The active practices of one ICB or sub-ICB code, by ODS code.
    pub fn select(&self, code: &str) -> Selection<'_> {
        let is_it = |one: &str| one.eq_ignore_ascii_case(code);
        let mut practices = Vec::new();
        let (mut closed, mut dormant, mut proposed) = (0, 0, 0);
        for practice in &self.practices {
            if !is_it(&practice.icb) && !is_it(&practice.sub_icb) {
                continue;
            }
            match practice.standing {
                Standing::Active => practices.push(practice),
                Standing::Closed => closed += 1,
                Standing::Dormant => dormant += 1,
                Standing::Proposed => proposed += 1,
            }
        }
        practices.sort_by(|a, b| a.ods.cmp(&b.ods));
        let others = self
            .others
            .iter()
            .filter(|((icb, sub), _)| is_it(icb) || is_it(sub))
            .map(|(_, count)| count)
            .sum();
        let left_out = [
            ("closed", closed),
            ("dormant", dormant),
            ("proposed, not open yet", proposed),
            ("not GP practices (clinics, hospices, prisons and the like)", others),
        ];
        Selection { practices, left_out: left_out.into_iter().filter(|(_, count)| *count > 0).collect() }
    }
}

/// List sizes by ODS code.
pub type Sizes = HashMap<String, u32>;

/// List sizes, from a file with the columns `practice_code` and `list_size`.
pub fn practice_sizes(bytes: &[u8]) -> Result<Sizes, OdsError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = csv::ReaderBuilder::new().from_reader(bytes);
    let header = rows.headers()?.clone();
    let column = |name: &'static str| {
        header.iter().position(|column| column.trim() == name).ok_or(OdsError::Column(name))
    };
    let (code, size) = (column("practice_code")?, column("list_size")?);
    let mut sizes = HashMap::new();
    for row in rows.records() {
        let row = row?;
        let line = row.position().map_or(0, csv::Position::line);
        let code = row.get(code).unwrap_or_default().trim().to_owned();
        let text = row.get(size).unwrap_or_default().trim();
        match text.parse() {
            Ok(size) => sizes.insert(code, size),
            Err(_) => return Err(OdsError::Size { line, code, text: text.to_owned() }),
        };
    }
    Ok(sizes)
}

/// `practices.csv` of some practices; `email` and `source` are left for the operator to fill in.
pub fn write_practices(practices: &[&GpPractice], sizes: &Sizes) -> Result<String, OdsError> {
    let mut out = csv::WriterBuilder::new().from_writer(Vec::new());
    out.write_record(["ods", "branch", "name", "postcode", "list_size", "email", "source"])?;
    for practice in practices {
        let size = sizes.get(&practice.ods).map(u32::to_string).unwrap_or_default();
        out.write_record([&practice.ods, "", &practice.name, &practice.postcode, &size, "", ""])?;
    }
    let bytes = out.into_inner().map_err(|error| OdsError::Write(Box::new(error.into_error())))?;
    String::from_utf8(bytes).map_err(|error| OdsError::Write(Box::new(error)))
}

/// Words that stay small inside a name.
const SMALL: [&str; 9] = ["OF", "THE", "AND", "AT", "IN", "ON", "BY", "FOR", "LE"];
/// Abbreviations that are written as words, though they have no vowel.
const AS_WORDS: [&str; 18] = [
    "ST", "DR", "DRS", "MR", "MRS", "MS", "RD", "LTD", "CTR", "CNTR", "GRP", "MT", "BRG", "HLTH", "PRT",
    "SRGY", "CNT", "HTH",
];
/// Abbreviations that stay capital, though they have a vowel.
const CAPITAL: [&str; 17] = [
    "GP", "NHS", "PCN", "CIC", "UK", "APMS", "HMP", "UCC", "ICB", "CCG", "A&E", "II", "III", "IV", "UEA",
    "BHF", "EMC",
];

/// `ST JAMES' SURGERY` → `St James' Surgery`. A rule of thumb: the list has capitals only, so names such as
/// "MacDonald" can't be told from "Macdonald", and initials are known by having no vowel, or by following "Dr".
pub fn ordinary_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut after_title = false;
    for (position, word) in name.split_whitespace().enumerate() {
        if position > 0 {
            out.push(' ');
        }
        let letters: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        let initials = after_title && letters.len() <= 2 && !SMALL.contains(&letters.as_str());
        for (part_position, part) in word.split_inclusive(['-', '/', '(', '.', '&']).enumerate() {
            let first = position == 0 && part_position == 0;
            out.push_str(&if initials { part.to_uppercase() } else { cased(part, first, word) });
        }
        after_title = matches!(letters.as_str(), "DR" | "DRS") || initials;
    }
    out
}

/// One word, or part of one between hyphens and the like.
fn cased(part: &str, first: bool, word: &str) -> String {
    let upper = part.to_uppercase();
    let letters: String = upper.chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = upper.trim_matches(|c: char| !c.is_alphanumeric());
    if SMALL.contains(&bare) && !first {
        return part.to_lowercase();
    }
    let vowels = bare.contains(|c: char| "AEIOUY".contains(c));
    let digits = bare.contains(|c: char| c.is_ascii_digit());
    let ordinal = digits && ["ST", "ND", "RD", "TH"].iter().any(|end| bare.ends_with(end));
    if ordinal {
        return part.to_lowercase();
    }
    let initials = !vowels && letters.len() <= 4 && !AS_WORDS.contains(&bare) && !word.contains('\'');
    if digits || letters.len() <= 1 && !part.contains('\'') || CAPITAL.contains(&bare) || initials {
        return upper;
    }
    let mut out = String::with_capacity(part.len());
    let mut start = true;
    let mut run = 0;
    for c in part.chars() {
        if !c.is_alphabetic() {
            // O'Neill and D'Arcy begin anew after their apostrophe; James's doesn't.
            start = !matches!(c, '\'' | '’') || run == 1;
            out.push(c);
            run = 0;
            continue;
        }
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = false;
        run += 1;
    }
    if let Some(rest) = out.strip_prefix("Mc")
        && rest.chars().count() > 2
    {
        let mut rest = rest.chars();
        let capital = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        return format!("Mc{capital}{}", rest.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_ordinary_case() {
        for (capitals, ordinary) in [
            ("ST JAMES' SURGERY", "St James' Surgery"),
            ("THE DENSHAM SURGERY", "The Densham Surgery"),
            ("49 MARINE AVENUE SURGERY", "49 Marine Avenue Surgery"),
            ("DR AC O'NEILL & PARTNERS", "Dr AC O'Neill & Partners"),
            ("STOCKTON-ON-TEES HEALTH CENTRE", "Stockton-on-Tees Health Centre"),
            ("ST PETER'S SURGERY (DRS SMITH)", "St Peter's Surgery (Drs Smith)"),
            ("DMC HEALTHCARE AT THE OLD BAKERY", "DMC Healthcare at the Old Bakery"),
            ("MCDONALD GP LTD", "McDonald GP Ltd"),
            ("4TH AVENUE", "4th Avenue"),
            ("GOSFORTH MEMORIAL MED.CTR", "Gosforth Memorial Med.Ctr"),
        ] {
            assert_eq!(ordinary_case(capitals), ordinary);
        }
    }

    /// A row of the file, of either layout.
    fn row(code: &str, status: &str, setting: &str, closed: &str) -> String {
        let mut cells = vec![""; WIDTH];
        for (column, text) in [
            (CODE, code),
            (NAME, "THE SURGERY"),
            (ICB, "QKS"),
            (POSTCODE, "CT16 1SF"),
            (CLOSED, closed),
            (STATUS, status),
            (SUB_ICB, "91Q"),
            (SETTING, setting),
        ] {
            cells[column] = text;
        }
        format!("\"{}\"\r\n", cells.join("\",\""))
    }

    #[test]
    fn both_layouts_give_the_active_gp_practices_and_say_what_was_left_out() {
        for (active, closed, gp, other) in
            [("A", "C", "4", "9"), ("ACTIVE", "INACTIVE", "RO76|RO268", "RO72")]
        {
            let text = [
                row("G82002", active, gp, ""),
                row("G82001", active, gp, ""),
                row("G82003", closed, gp, "20200630"),
                row("G82004", active, gp, "20200630"),
                row("G82005", active, other, ""),
            ]
            .concat();
            let file = OdsFile::read(text.as_bytes()).expect("a good file");
            let found = file.select("91q");
            let codes: Vec<&str> = found.practices.iter().map(|practice| practice.ods.as_str()).collect();
            assert_eq!(codes, ["G82001", "G82002"]);
            assert_eq!(found.left_out[0], ("closed", 2));
            assert_eq!(found.left_out[1].1, 1);
            assert!(file.select("QXX").practices.is_empty());
        }
    }

    #[test]
    fn another_file_is_refused_with_its_line() {
        let wrong = OdsFile::read(b"practice_code,list_size\nG82002,9796\n").expect_err("another file");
        assert!(matches!(wrong, OdsError::Width { line: 1, found: 2 }));
        let strange = row("G82002", "PERHAPS", "4", "");
        assert!(matches!(OdsFile::read(strange.as_bytes()), Err(OdsError::Status { line: 1, .. })));
        assert!(matches!(OdsFile::read(b""), Err(OdsError::Empty)));
    }

    #[test]
    fn what_is_written_is_what_the_loader_reads() {
        let text = row("G82002", "ACTIVE", "RO76", "");
        let file = OdsFile::read(text.as_bytes()).expect("a good file");
        let sizes = practice_sizes(b"practice_code,list_size,imd\nG82002,9796,1\n").expect("sizes");
        let written = write_practices(&file.select("QKS").practices, &sizes).expect("CSV");
        assert_eq!(
            written,
            "ods,branch,name,postcode,list_size,email,source\nG82002,,The Surgery,CT16 1SF,9796,,\n"
        );
    }
}
