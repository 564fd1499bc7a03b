//! Runs the transcripts in `tests/cmd`, which are also documentation.

/// Sets the mode of the rings to 0600. Git stores only whether a file is executable.
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
fn the_transcripts_match_the_real_output() {
    keep_to_oneself("tests/cmd".as_ref());
    trycmd::TestCases::new().case("tests/cmd/*.md").env("COLUMNS", "100");
}
