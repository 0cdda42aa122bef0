//! What segment files are called: twenty digits, and what state the file is in.

const DIGITS: usize = 20;

pub fn open_name(id: u64) -> String {
    format!("{id:020}.open")
}

pub fn sealed_name(id: u64) -> String {
    format!("{id:020}.sealed")
}

/// What a segment is written as until it takes the place of the old one.
pub fn new_name(id: u64) -> String {
    format!("{id:020}.new")
}

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Open(u64),
    Sealed(u64),
    New,
    Foreign,
}

pub fn named(name: &str) -> Named {
    let Some((digits, rest)) = name.split_at_checked(DIGITS) else { return Named::Foreign };
    let id = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
    match (id, rest) {
        (Some(id), ".open") => Named::Open(id),
        (Some(id), ".sealed") => Named::Sealed(id),
        (Some(_), ".new") => Named::New,
        _ => Named::Foreign,
    }
}
