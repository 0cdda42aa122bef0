//! `linewatch check` and `linewatch import`, as a person runs them.

use std::path::Path;
use std::process::{Command, Output};

use super::{GOOD, with};

fn linewatch(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(args)
        .current_dir(dir)
        .env_remove("NO_COLOR")
        .output()
        .expect("linewatch runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A folder with a `probes.toml` in it.
fn folder(toml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("probes.toml"), toml).expect("written");
    dir
}

#[test]
fn check_shows_each_error_underlined_with_a_way_out_and_exits_1() {
    let toml = with("Europe/London", "Europe/Londn")
        .replace("carrier = \"bt\"", "carrier = \"bs\"")
        .replacen("[[practice]]", "[[practice]]\nods = \"G82002\"\nname = \"Once\"\n\n[[practice]]", 1);
    let dir = folder(&toml);
    let done = linewatch(dir.path(), &["check"]);
    assert_eq!(done.status.code(), Some(1));
    insta::assert_snapshot!("check_errors", text(&done.stdout));
}

#[test]
fn check_sums_up_a_good_file_and_exits_0() {
    let dir = folder(GOOD);
    let done = linewatch(dir.path(), &["check", "probes.toml"]);
    assert_eq!(done.status.code(), Some(0));
    insta::assert_snapshot!("check_summary", text(&done.stdout));
}

#[test]
fn check_speaks_json() {
    let dir = folder(&with("carrier = \"bt\"", "carrier = \"bs\""));
    let done = linewatch(dir.path(), &["check", "--json"]);
    assert_eq!(done.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(said["ok"], false);
    assert_eq!(said["errors"][0]["file"], "probes.toml");
    assert_eq!(said["errors"][0]["line"], 63);
    assert_eq!(said["errors"][0]["column"], 19);
    std::fs::write(dir.path().join("probes.toml"), GOOD).expect("written");
    let done = linewatch(dir.path(), &["check", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((&said["ok"], &said["summary"]["practices"]), (&true.into(), &1.into()));
}

#[test]
fn check_of_no_file_could_not_ask() {
    let dir = tempfile::tempdir().expect("a folder");
    for args in [&["check"][..], &["check", "."], &["check", "--json"]] {
        let done = linewatch(dir.path(), args);
        assert_eq!(done.status.code(), Some(3), "{args:?}");
    }
}

#[test]
fn import_writes_a_csv_that_check_accepts_and_never_over_another() {
    let row = |code: &str, name: &str, status: &str, setting: &str| {
        format!(
            "\"{code}\",\"{name}\",\"Y59\",\"QKS\",\"\",\"\",\"\",\"\",\"\",\"CT16 1SF\",\"19740401\",\"\",\"{status}\",\"B\",\"91Q\",\"\",\"\",\"\",\"\",\"\",\"\",\"1\",\"\",\"91Q\",\"\",\"{setting}\",\"\"\r\n"
        )
    };
    let dir = folder(&format!(
        "practices = \"practices.csv\"\n{}",
        &GOOD[..GOOD.find("[[practice]]").expect("one")]
    ));
    let ods = [
        row("G82002", "ST JAMES' SURGERY", "ACTIVE", "RO76"),
        row("G82003", "GONE, THE SURGERY", "INACTIVE", "RO76"),
        row("G82004", "A CLINIC", "ACTIVE", "RO72"),
    ];
    std::fs::write(dir.path().join("epraccur.csv"), ods.concat()).expect("written");
    std::fs::write(dir.path().join("sizes.csv"), "practice_code,list_size\nG82002,9796\n").expect("written");
    let args = [
        "import",
        "--ods",
        "epraccur.csv",
        "--demographics",
        "sizes.csv",
        "--icb",
        "QKS",
        "-o",
        "practices.csv",
    ];
    let done = linewatch(dir.path(), &args);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let said = text(&done.stderr);
    assert!(
        said.contains("1 active GP practices") && said.contains("1 closed") && said.contains("1 not GP"),
        "{said}"
    );
    let written = std::fs::read_to_string(dir.path().join("practices.csv")).expect("written");
    assert_eq!(
        written,
        "ods,branch,name,postcode,list_size,email,source\nG82002,,St James' Surgery,CT16 1SF,9796,,\n"
    );
    assert_eq!(linewatch(dir.path(), &["check"]).status.code(), Some(0));
    let again = linewatch(dir.path(), &args);
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));

    let codes = linewatch(dir.path(), &["import", "--ods", "epraccur.csv"]);
    assert!(text(&codes.stdout).contains("QKS") && text(&codes.stdout).contains("91Q"));
    let nobody = linewatch(dir.path(), &["import", "--ods", "epraccur.csv", "--icb", "QXX"]);
    assert_eq!(nobody.status.code(), Some(1));
}
