//! The transcripts in `tests/cmd`, which are documentation, too.

#[test]
fn what_the_transcripts_show_is_what_happens() {
    trycmd::TestCases::new().case("tests/cmd/*.md").env("COLUMNS", "100");
}
