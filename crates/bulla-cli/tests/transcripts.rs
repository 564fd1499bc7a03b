//! The transcripts in `tests/cmd`, which are documentation, too.

/// As rings should be. Git keeps no more than whether a file is a program.
#[cfg(unix)]
fn keep_to_oneself(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            keep_to_oneself(&path);
        } else if folder.extension().is_some_and(|extension| extension == "in") {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[test]
#[cfg(unix)]
fn what_the_transcripts_show_is_what_happens() {
    keep_to_oneself("tests/cmd".as_ref());
    trycmd::TestCases::new().case("tests/cmd/*.md").env("COLUMNS", "100");
}
