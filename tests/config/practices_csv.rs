//! `practices.csv`: columns in any order, roles, spares, what spreadsheets do to files, and errors that
//! point at the cell.

use linewatch::config::{self, Config, Errors};

use super::GOOD;

/// The good estate with its practices in a CSV, written as these bytes.
fn load(csv: &[u8]) -> Result<Config, Errors> {
    load_with(csv, false)
}

fn load_with(csv: &[u8], and_section: bool) -> Result<Config, Errors> {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("practices.csv"), csv).expect("written");
    let end = if and_section { GOOD.len() } else { GOOD.find("[[practice]]").expect("a practice") };
    let toml = format!("practices = \"practices.csv\"\n{}", &GOOD[..end]);
    let path = dir.path().join("probes.toml");
    std::fs::write(&path, toml).expect("written");
    config::load(&path)
}

/// `LINE:COLUMN message` of each error in the CSV.
fn errors(csv: &str) -> Vec<String> {
    let errors = load(csv.as_bytes()).expect_err("a mistake");
    errors
        .iter()
        .map(|problem| {
            assert!(problem.file().ends_with("practices.csv"), "{problem}");
            format!("{}:{} {}", problem.line(), problem.column(), problem.message())
        })
        .collect()
}

#[test]
fn columns_come_in_any_order_and_every_other_one_is_a_role() {
    let csv = "firewall,name,ods,carrier,email,list_size,branch\n\
               fw-maidstone,St James' Surgery,G82002,bt,a@x.example; b@x.example c@x.example,9800,\n\
               ,Westfield,G82002,bt|fw-maidstone,,,westfield\n";
    let estate = load(csv.as_bytes()).expect("a good file").estate;
    let first = &estate.practices[0];
    assert_eq!((first.id.as_str(), first.list_size), ("G82002", Some(9800)));
    assert_eq!(first.email, ["a@x.example", "b@x.example", "c@x.example"]);
    assert_eq!(first.via.len(), 2);
    let branch = &estate.practices[1];
    assert_eq!(branch.id, "G82002/westfield");
    assert_eq!(branch.via.len(), 1, "an empty cell names nothing");
    assert_eq!(branch.via[0].any.len(), 2, "spares");
}

#[test]
fn a_byte_order_mark_and_crlf_change_nothing() {
    let plain = "ods,name,carrier\nG82002,\"St James', Dover\",bt\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    let (a, b) = (load(plain.as_bytes()).expect("plain"), load(windows.as_bytes()).expect("from Windows"));
    assert_eq!(a.estate.practices, b.estate.practices);
    assert_eq!(a.estate.practices[0].name, "St James', Dover");
}

#[test]
fn the_mark_does_not_shift_columns() {
    let csv = "\u{feff}ods,name,colour of door\r\nG82002,St James,\r\n";
    assert_eq!(errors(csv), ["1:10 `column`: \"colour of door\" has the character ' ' in it"]);
}

#[test]
fn errors_point_at_the_cell() {
    let csv = "ods,name,list_size,email,source,carrier,firewall\n\
               G82002,St James,many,,,bt,\n\
               G82!,\"Müller, Dover\",,nobody,1.2.3,bt,fw-maidston\n\
               G82003,Short row\n\
               ,No code,,,,,\n\
               G82002,Twice,,,,,\n";
    let found = errors(csv);
    let expected = [
        "2:17 `list_size`: \"many\" is not a number of patients",
        "3:1 `ods`: \"G82!\" has the character '!' in it",
        "3:23 `email`: \"nobody\" is not an e-mail address",
        "3:30 `source`: \"1.2.3\" is not an IP address",
        "3:39 no component is called \"fw-maidston\"",
        "4:1 this row has 2 cells, and the first row 7",
        "5:1 `ods` is empty",
        "6:1 two practices are called \"G82002\": the first is at ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
}

#[test]
fn a_misspelt_column_is_not_silently_a_role() {
    let errors = load(b"ods,name,list_sise\nG82002,St James,9800\n").expect_err("a mistake");
    assert!(errors.to_string().contains("did you mean the column \"list_size\""), "{errors}");
}

#[test]
fn files_that_are_not_this_csv_say_what_they_are() {
    for (csv, says) in [
        ("ods;name;carrier\nG82002;St James;bt\n", "parted by ';'"),
        ("ODS,name\nG82002,St James\n", "no column \"ods\""),
        ("name\nSt James\n", "no column \"ods\""),
        ("ods,name,ods\nG82002,a,b\n", "two columns are called \"ods\""),
        ("ods,name\nG82002,\"St James\n", "never closed"),
        ("ods,name\nG82002,\"line\nbreak\"\n", "can't be seen, '\\n', at position 5"),
    ] {
        let errors = load(csv.as_bytes()).expect_err("a mistake");
        assert!(errors.to_string().contains(says), "{csv:?}: {errors}");
    }
    for csv in ["", "ods,name\n", "\n\n"] {
        let errors = load(csv.as_bytes()).expect_err("no practice");
        assert!(errors.to_string().contains("has no practice in it"), "{errors}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_with_their_place() {
    let errors = load(b"ods,name\nG82002,Caf\xe9\n").expect_err("Latin-1");
    let problem = errors.iter().next().expect("one error");
    assert_eq!((problem.line(), problem.column()), (2, 11));
    assert!(problem.message().contains("0xe9"), "{problem}");
}

#[test]
fn a_csv_and_sections_make_one_estate_and_duplicates_are_found_across_them() {
    let config = load_with(b"ods,name\nG82003,Another\n", true).expect("both");
    assert_eq!(config.estate.practices.len(), 2);
    let errors = load_with(b"ods,name\nG82002,Again\n", true).expect_err("a duplicate");
    assert!(errors.to_string().contains("probes.toml:59:7"), "{errors}");
}

#[test]
fn a_csv_that_is_not_there_is_an_error_of_the_configuration() {
    let text = format!("practices = \"nowhere.csv\"\n{GOOD}");
    let errors = super::parse(&text).expect_err("no such file");
    let problem = errors.iter().next().expect("one error");
    assert_eq!((problem.line(), problem.column()), (1, 13));
    assert!(!errors.could_not_read() && problem.message().contains("no such file"));
}
