//! The shape of the source: which layer uses which, and which file names what.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up (ARCHITECTURE.md). A file uses only layers below its own.
const LAYERS: &[&[&str]] = &[
    &["time", "primitives", "skips", "about", "text", "wipe"],
    &["key", "payload"],
    &["error", "policy"],
    &["wire", "ring", "bearer", "bundle", "pieces"],
    &["handle", "cookie", "record"],
    &["subkeys", "reload", "revocation"],
    &["sealed", "signed", "moved"],
    &["sealer", "raw", "revocations"],
    &["signer", "judge", "once", "revocation_file"],
    &["info", "tokens", "event"],
    &["shared"],
    &["answer", "start", "migration"],
    &["pending"],
    &["session"],
    &["sessions", "guard", "ending", "closing", "revalidation"],
    &["testing", "audit"],
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A file's code, without comments and unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Names and code. A folder counts as one file, whatever it is cut into.
fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| !["lib", "vectors", "randomless", "adapters"].contains(&name.as_str()))
        .map(|(name, path)| (name, if path.is_dir() { folder(&path) } else { code(&path) }))
        .collect();
    files.sort();
    files
}

fn folder(path: &Path) -> String {
    fs::read_dir(path).unwrap().map(|entry| code(&entry.unwrap().path())).collect()
}

fn layer(name: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&name)).unwrap_or_else(|| {
        panic!("src/{name}.rs is in no layer: put it into LAYERS here and into ARCHITECTURE.md")
    })
}

#[test]
fn every_file_uses_only_the_layers_below_it() {
    for (name, code) in files() {
        for used in code.split("crate::").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(layer(used) < layer(&name), "src/{name}.rs uses {used}, which is not below it");
        }
    }
}

#[test]
fn the_architecture_lists_every_file() {
    let text = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    for (name, _) in files() {
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name `{name}`");
    }
}

#[test]
fn only_primitives_names_a_cipher_a_hash_or_a_generator() {
    for (name, code) in files() {
        for word in ["chacha20", "aws_lc_rs", "hmac::", "hkdf::", "sha2::", "getrandom"] {
            assert!(name == "primitives" || !code.contains(word), "src/{name}.rs names {word}");
        }
    }
}

#[test]
fn only_the_plain_verbs_read_the_clock() {
    for (name, code) in files() {
        let may = [
            "time",
            "sealer",
            "signer",
            "sessions",
            "testing",
            "reload",
            "revocation_file",
            "once",
        ]
        .contains(&name.as_str());
        assert!(may || !code.contains("UnixTime::now"), "src/{name}.rs reads the clock");
        assert!(
            name == "time" || !code.contains("SystemTime::now"),
            "src/{name}.rs reads the clock"
        );
    }
}

#[test]
fn the_core_knows_no_framework_and_adapters_use_its_public_api_only() {
    for (name, code) in files() {
        for word in ["http::", "axum", "tower", "actix", "rocket", "tracing"] {
            let may = word == "tracing"
                && ["event", "reload", "revocation_file"].contains(&name.as_str());
            assert!(may || !code.contains(word), "src/{name}.rs names {word}");
        }
    }
    for adapter in ["http.rs", "tower.rs", "extract.rs", "axum08.rs", "actix4.rs", "rocket05.rs"] {
        let code = code(&source().join("adapters").join(adapter));
        for used in code.split("use crate::").skip(1) {
            assert!(!used[..used.find(';').unwrap()].contains("::"), "adapters/{adapter}: {used}");
        }
    }
}

/// What a client sends goes through these files. `clippy` runs with warnings denied.
#[test]
fn the_files_that_read_a_client_s_bytes_deny_what_could_panic() {
    let reading = [
        "wire", "pieces", "raw", "signed", "sealed", "judge", "record", "cookie", "bearer",
        "tokens", "closing", "session", "sealer", "signer", "ring",
    ];
    for (name, code) in files().into_iter().filter(|(name, _)| reading.contains(&name.as_str())) {
        let denied = code.split("#![deny(").nth(1).and_then(|code| code.split(')').next());
        let denied = denied.unwrap_or_else(|| panic!("src/{name}.rs denies nothing"));
        for lint in ["indexing_slicing", "arithmetic_side_effects", "unwrap_used", "expect_used"] {
            assert!(denied.contains(lint), "src/{name}.rs does not deny {lint}");
        }
    }
}

/// A block under `<!-- path -->` is shown as it stands in that file.
#[test]
fn the_readme_shows_lines_of_programs_that_compile() {
    let root = source().join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut shown = 0;
    for block in readme.split("<!-- ").skip(1) {
        let (path, block) = block.split_once(" -->\n```rust,ignore\n").unwrap();
        let block = block.split("```\n").next().unwrap();
        let program = fs::read_to_string(root.join(path)).unwrap();
        assert!(program.contains(block), "README.md shows what {path} does not have: {block}");
        shown += 1;
    }
    assert_eq!(shown, readme.matches("```rust,ignore").count(), "a block names no file");
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let root = source().join("..");
    for (document, at_least) in [("SECURITY.md", 20), ("docs/standards.md", 40)] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let mut named = 0;
        for (module, test) in text.split('`').filter_map(|word| word.split_once("::")) {
            if module.contains(|c: char| c.is_uppercase() || c.is_whitespace()) || test.is_empty() {
                continue; // a type's method, or a module as a whole
            }
            let file = match module {
                "conformance" => root.join("crates/bulla-conformance/src/behaviours.rs"),
                "vectors" => root.join("src/vectors.rs"),
                module => root.join(format!("tests/it/{module}.rs")),
            };
            let code = fs::read_to_string(&file);
            let code = code.unwrap_or_else(|_| panic!("{document}: {module}::{test} has no file"));
            assert!(
                code.contains(&format!("fn {test}(")),
                "{document}: {module}::{test} does not exist"
            );
            named += 1;
        }
        assert!(named > at_least, "{document} names {named} tests");
    }
}
