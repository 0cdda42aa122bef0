//! The rules of the house, read off the sources: what `src/lib.rs` and ARCHITECTURE.md promise and the compiler
//! doesn't check. A rule that must be broken gets an exception here, with its reason, and an exception that is no
//! longer needed fails too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The functional core: the same input gives the same output, byte for byte.
const PURE: &[&str] = &[
    "src/estate.rs",
    "src/estate/",
    "src/observation.rs",
    "src/observation/",
    "src/incident.rs",
    "src/time.rs",
    "src/correlate/",
    "src/notify/policy/",
    // Beside the core, and pure as well:
    "src/calendar/",
    "src/notify/acknowledgement.rs",
    "src/notify/allowance.rs",
    "src/notify/channel.rs",
    "src/notify/dispatch.rs",
    "src/notify/exercise.rs",
    "src/notify/fix.rs",
    "src/notify/dispatch/",
    "src/notify/notice.rs",
    "src/notify/outlet.rs",
    "src/notify/patience.rs",
    "src/notify/queue.rs",
    "src/notify/rehearsal.rs",
    "src/notify/words/",
    "src/hub/intake/correction.rs",
    "src/hub/intake/gaps.rs",
    "src/hub/intake/spool.rs",
    "src/journal/body.rs",
    "src/journal/chain.rs",
    "src/journal/coverage.rs",
    "src/journal/verify.rs",
    "src/report/",
    "src/spans.rs",
    "src/agent/overdue.rs",
    "src/agent/paths.rs",
    "src/agent/ration.rs",
    "src/agent/reask.rs",
    "src/agent/schedule.rs",
    "src/agent/uplink/addresses.rs",
    "src/agent/spool/intervals.rs",
    "src/agent/spool/queue.rs",
    "src/agent/spool/thinning.rs",
    "src/agent/spool/thinning/",
    "src/probe/egress/verdict.rs",
    "src/probe/path/progress.rs",
    "src/probe/path/trace.rs",
    "src/probe/path/verdict.rs",
    "src/reflector/frame.rs",
    "src/reflector/ports.rs",
    "src/segments/",
    "src/world/dice.rs",
    "src/world/faults.rs",
    "src/world/noise.rs",
    "src/world/rough.rs",
    "src/world/trials/",
    "src/world/virtual_time.rs",
];

/// What the core must not name, and what it would let in. Matched as whole words, outside comments and texts.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "a runtime"),
    ("futures", "a runtime"),
    ("async", "a runtime"),
    ("await", "a runtime"),
    ("sqlx", "a database"),
    ("reqwest", "a network"),
    ("hyper", "a network"),
    ("axum", "a network"),
    ("lettre", "a network"),
    ("socket2", "a network"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("UdpSocket", "a socket"),
    ("ToSocketAddrs", "a name look-up"),
    ("UnixStream", "a socket"),
    ("UnixListener", "a socket"),
    ("UnixDatagram", "a socket"),
    ("std::fs", "a disk"),
    ("std::io", "a disk or a terminal"),
    ("std::env", "an environment"),
    ("std::process", "other programs"),
    ("std::thread", "threads"),
    ("SystemTime", "a clock"),
    ("Instant", "a clock"),
    ("Timestamp::now", "a clock"),
    ("Zoned::now", "a clock"),
    ("rand", "chance"),
    ("fastrand", "chance"),
    ("getrandom", "chance"),
    ("RandomState", "chance"),
    ("tracing", "a log"),
    ("print", "a terminal"),
    ("println", "a terminal"),
    ("eprint", "a terminal"),
    ("eprintln", "a terminal"),
    ("dbg", "a terminal"),
];

/// What the core may use of this crate: itself, and the bounds. Nothing downstream, nothing at the edge.
const CORE: &[&str] = &[
    "src/estate.rs",
    "src/estate/",
    "src/observation.rs",
    "src/observation/",
    "src/incident.rs",
    "src/time.rs",
    "src/correlate/",
];
const CORE_USES: &[&str] = &["estate", "observation", "incident", "time", "correlate", "limits"];

/// Lines of a file under `src`. Beyond this it has two subjects.
const LINES_MAX: usize = 700;

/// Files that may be longer, up to where, and why.
const LONGER: &[(&str, usize, &str)] = &[];

/// Where printing is in order besides `src/cli/`: nowhere. An entry is a path and a reason.
const PRINTS: &[(&str, &str)] = &[];

const TERMINAL: &[&str] =
    &["print", "println", "eprint", "eprintln", "dbg", "io::stdout", "io::stderr", "stdout", "stderr"];

const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "BEGIN IMMEDIATE",
    "PRAGMA ",
];

/// One source file: its code and its texts apart, both line by line with the file.
struct Source {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
    /// Comments and the insides of texts are blanks.
    code: String,
    /// Everything but the insides of texts is blanks.
    texts: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below these folders, in order of their paths.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut open: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|path| path.is_dir()).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let (code, texts) = split(&text);
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            Source { path, text, code, texts }
        })
        .collect()
}

/// Takes a file apart into code and texts, each as long as the file and with its line ends, so that positions agree.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut texts) = (String::new(), String::new());
    let mut put = |c: char, to_code: bool, to_texts: bool| {
        let blank = if c == '\n' { '\n' } else { ' ' };
        code.push(if to_code { c } else { blank });
        texts.push(if to_texts { c } else { blank });
    };
    let is = |at: usize, c: char| chars.get(at) == Some(&c);
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let starts_word = at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        if c == '/' && is(at + 1, '/') {
            while at < chars.len() && chars[at] != '\n' {
                put(chars[at], false, false);
                at += 1;
            }
        } else if c == '/' && is(at + 1, '*') {
            let mut depth = 0;
            loop {
                let (opens, closes) = (is(at, '/') && is(at + 1, '*'), is(at, '*') && is(at + 1, '/'));
                let step = if opens || closes { 2 } else { 1 };
                depth = if opens {
                    depth + 1
                } else if closes {
                    depth - 1
                } else {
                    depth
                };
                for &c in chars.iter().skip(at).take(step) {
                    put(c, false, false);
                }
                at += step;
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if let Some(hashes) =
            (starts_word && matches!(c, 'r' | 'b')).then(|| raw_hashes(&chars, at)).flatten()
        {
            // r"…", r#"…"#, br"…": ends at a quote with as many hashes.
            while !is(at, '"') {
                put(chars[at], true, false);
                at += 1;
            }
            put('"', true, false);
            at += 1;
            while at < chars.len() && !(is(at, '"') && (1..=hashes).all(|n| is(at + n, '#'))) {
                put(chars[at], false, true);
                at += 1;
            }
            put('"', true, false);
            at += 1;
        } else if c == '"' {
            put(c, true, false);
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                let step = if chars[at] == '\\' { 2 } else { 1 };
                for &c in chars.iter().skip(at).take(step) {
                    put(c, false, true);
                }
                at += step;
            }
            put('"', true, false);
            at += 1;
        } else if c == '\'' && (is(at + 1, '\\') || is(at + 2, '\'')) {
            // A character, not a lifetime.
            let mut end = at + if is(at + 1, '\\') { 3 } else { 2 };
            while end < chars.len() && chars[end] != '\'' {
                end += 1;
            }
            for &c in chars.iter().take(end + 1).skip(at) {
                put(c, false, false);
            }
            at = end + 1;
        } else {
            put(c, true, false);
            at += 1;
        }
    }
    (code, texts)
}

/// When a raw text begins here: how many hashes it has.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let mut next = at;
    if chars[next] == 'b' {
        next += 1;
    }
    if chars.get(next) != Some(&'r') {
        return None;
    }
    let hashes = chars[next + 1..].iter().take_while(|c| **c == '#').count();
    (chars.get(next + 1 + hashes) == Some(&'"')).then_some(hashes)
}

/// The lines, counted from one, in which `word` stands as a whole word. A path such as `std::fs` is also found in
/// `use std::{fs, …}`.
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let mut lines: Vec<usize> = code
        .match_indices(word)
        .filter(|(at, _)| {
            !code[..*at].chars().next_back().is_some_and(is_word)
                && !code[at + word.len()..].chars().next().is_some_and(is_word)
        })
        .map(|(at, _)| line_of(at))
        .collect();
    if let Some((parent, child)) = word.rsplit_once("::") {
        for (at, opening) in code.match_indices(&format!("{parent}::{{")) {
            let inside = code[at + opening.len()..].split('}').next().unwrap_or_default();
            if inside.split(|c: char| !is_word(c)).any(|name| name == child) {
                lines.push(line_of(at));
            }
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

fn is_in(source: &Source, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| source.path == *place || (place.ends_with('/') && source.path.starts_with(place)))
}

/// Fails with everything that was found at once.
fn none(found: &[String], rule: &str) {
    assert!(
        found.is_empty(),
        "{rule}\n{}",
        found.iter().fold(String::new(), |mut all, line| {
            let _infallible = writeln!(all, "  {line}");
            all
        })
    );
}

/// What only one family of operating systems has.
const SYSTEMS: &[&str] = &["nix", "os::unix", "os::fd", "signal::unix"];

/// Where it may stand besides `src/platform.rs`, and why.
const SYSTEM_PLACES: &[(&str, &str)] = &[
    ("src/probe/echo.rs", "whether a socket for pings is allowed is said in the system's own numbers"),
    ("src/probe/way_out.rs", "whether an interface has a link"),
    ("src/probe/fault.rs", "errors of sockets, in the system's own numbers"),
    ("src/probe/egress/", "the same; and what is sent without being cut up"),
    (
        "src/probe/path/",
        "the errors that packets come back with along a path: Linux alone tells them to anybody",
    ),
    ("src/reflector/server.rs", "the far side, which nobody installs at a practice"),
    ("src/agent/uplink/identity.rs", "its test looks at permissions"),
    ("src/journal/head.rs", "the same"),
    ("src/notify/link.rs", "the same"),
];

/// So that an agent for another system has one file to be written, and the checks that its system answers differently.
#[test]
fn what_one_system_does_its_own_way_stands_in_one_file() {
    let mut found = Vec::new();
    let mut needed = Vec::new();
    for source in sources(&["src"]) {
        let lines: Vec<usize> = SYSTEMS.iter().flat_map(|word| lines_with(&source.code, word)).collect();
        if lines.is_empty() || source.path == "src/platform.rs" {
            continue;
        }
        match SYSTEM_PLACES.iter().find(|(place, _)| is_in(&source, &[place])) {
            Some((place, _)) => needed.push(*place),
            None => found.extend(lines.iter().map(|line| format!("{}:{line}", source.path))),
        }
    }
    none(&found, "what is Unix's own belongs into src/platform.rs:");
    let idle = SYSTEM_PLACES.iter().filter(|(place, _)| !needed.contains(place));
    none(
        &idle.map(|(place, _)| (*place).to_owned()).collect::<Vec<_>>(),
        "these exceptions are not needed any more:",
    );
}

#[test]
fn the_core_is_pure() {
    let sources = sources(&["src"]);
    let mut found = Vec::new();
    for place in PURE {
        assert!(
            sources.iter().any(|source| is_in(source, &[place])),
            "{place} is gone: take it off the list"
        );
    }
    for source in sources.iter().filter(|source| is_in(source, PURE)) {
        for (word, lets_in) in IMPURE {
            for line in lines_with(&source.code, word) {
                found.push(format!("{}:{line}: `{word}` lets in {lets_in}", source.path));
            }
        }
    }
    none(&found, "what is pure has its time, chance and data handed to it:");
}

#[test]
fn the_core_uses_nothing_but_the_core() {
    let mut found = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| is_in(source, CORE)) {
        for (at, _) in source.code.match_indices("crate::") {
            let room: String =
                source.code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // `crate::{…}` would hide rooms from this test.
            if !CORE_USES.contains(&room.as_str()) {
                let line = source.code[..at].matches('\n').count() + 1;
                found.push(format!("{}:{line}: crate::{room}", source.path));
            }
        }
    }
    none(&found, "data flows one way, and the core knows of nobody else:");
}

#[test]
fn no_file_has_two_subjects() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        let lines = source.text.lines().count();
        let longer = LONGER.iter().find(|(path, ..)| *path == source.path);
        let most = longer.map_or(LINES_MAX, |(_, most, _)| *most);
        if lines > most {
            found.push(format!("{}: {lines} lines, at most {most}", source.path));
        }
        if longer.is_some() && lines <= LINES_MAX {
            found.push(format!("{}: {lines} lines: its exception isn't needed any more", source.path));
        }
    }
    none(&found, "long files are taken apart by subject:");
}

#[test]
fn every_file_says_what_it_is() {
    let found: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    none(&found, "a file begins with `//!` and says what it is and why it is there:");
}

#[test]
fn lints_are_expected_and_never_allowed() {
    let mut found = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        for (number, line) in source.code.lines().enumerate() {
            let packed: String = line.split_whitespace().collect();
            if packed.contains("#[allow") || packed.contains("#![allow") || packed.contains(",allow(") {
                found.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    none(&found, "`#[expect(lint, reason = \"…\")]` says why, and goes away when it is no longer needed:");
}

#[test]
fn sql_stands_in_the_store_alone() {
    let mut found = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !is_in(source, &["src/store/"])) {
        for line in lines_with(&source.code, "sqlx") {
            found.push(format!("{}:{line}: sqlx", source.path));
        }
        for (number, line) in source.texts.lines().enumerate() {
            for word in SQL.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {}", source.path, number + 1, word.trim()));
            }
        }
    }
    none(&found, "another database must be one room's work:");
}

#[test]
fn only_the_commands_print_to_a_terminal() {
    let mut found = Vec::new();
    let sources = sources(&["src"]);
    for source in sources.iter().filter(|source| !is_in(source, &["src/cli/"])) {
        let lines: Vec<(usize, &str)> = TERMINAL
            .iter()
            .flat_map(|word| lines_with(&source.code, word).into_iter().map(move |line| (line, *word)))
            .collect();
        match PRINTS.iter().find(|(path, _)| *path == source.path) {
            None => {
                found.extend(lines.iter().map(|(line, word)| format!("{}:{line}: `{word}`", source.path)));
            }
            Some(_) if lines.is_empty() => {
                found.push(format!("{}: its exception isn't needed any more", source.path));
            }
            Some(_) => {}
        }
    }
    none(&found, "what a room has to say is a value, or a line in the log:");
}

#[test]
fn the_maps_name_what_is_there() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut found = Vec::new();
    for module in map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        if !map.contains(&format!("[`{module}`]"))
            && !map.contains(&format!("[`{module}::"))
            && module != "time"
        {
            found.push(format!("src/lib.rs has no line for `{module}` in its table"));
        }
    }
    for page in ["README.md", "ARCHITECTURE.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let named = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c))).filter(|word| {
            ["src/", "tests/", "docs/", "dashboards/", "scenarios/", ".ci/"]
                .iter()
                .any(|room| word.starts_with(room))
        });
        for path in named.map(|word| word.trim_end_matches(['.', '/'])) {
            if !root().join(path).exists() {
                found.push(format!("{page} names {path}, which is not there"));
            }
        }
    }
    none(&found, "a map that is wrong is worse than none:");
}

/// The rules are only as good as this: comments, texts and characters must not hide code, nor be taken for it.
#[test]
fn code_and_texts_are_told_apart() {
    let text = "let a = \"println \\\" SELECT \"; // tokio\n/* rand /* deep */ rand */ let b = '\"'; tokio();\n\
                let c: &'static str = r#\"PRAGMA \" x\"#; use std::{fmt, fs};";
    let (code, texts) = split(text);
    assert_eq!((code.chars().count(), texts.chars().count()), (text.chars().count(), text.chars().count()));
    assert_eq!(lines_with(&code, "tokio"), [2]);
    assert_eq!(lines_with(&code, "rand"), Vec::<usize>::new());
    assert_eq!(lines_with(&code, "println"), Vec::<usize>::new());
    assert_eq!(lines_with(&code, "std::fs"), [3]);
    assert_eq!(lines_with(&code, "static"), [3]);
    assert!(texts.contains("SELECT ") && texts.contains("PRAGMA "));
    assert_eq!(lines_with("grand rand_x my::rand rand!", "rand"), [1]);
}
