//! Rules of the source code: which folder may use which folder, and which file may use which names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src/`, from the bottom up (ARCHITECTURE.md). A folder uses only folders of
/// earlier lines.
const FOLDERS: &[&[&str]] = &[
    &["time", "primitives", "files"],
    &["keys"],
    &["token"],
    &["transport", "revocation", "proof", "schema"],
    &["session"],
    &["testing"],
    &["adapters"],
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

/// One file of `src/`: the path of its module, such as `token::wire`, and its code.
struct Source {
    module: String,
    code: String,
}

impl Source {
    fn folder(&self) -> &str {
        self.module.split("::").next().unwrap()
    }

    /// The paths of the modules that the file uses: each path after `crate::`, up to the first name
    /// that is not a module.
    fn uses(&self) -> impl Iterator<Item = String> {
        self.code.split("crate::").skip(1).map(|path| {
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let modules = path[..end.unwrap_or(path.len())].split("::");
            let modules = modules.take_while(|name| name.starts_with(|c: char| c.is_lowercase()));
            modules.collect::<Vec<_>>().join("::")
        })
    }
}

/// Every file except `lib.rs` and the unit tests in `src/tests/`.
fn files() -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(source()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name != "tests" {
            for entry in fs::read_dir(&path).unwrap() {
                let path = entry.unwrap().path();
                let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.push(Source { module: format!("{name}::{file}"), code: code(&path) });
            }
        } else if path.is_file() && name != "lib" {
            found.push(Source { module: name, code: code(&path) });
        }
    }
    assert!(found.len() > 50, "{} files", found.len());
    found.sort_by(|a, b| a.module.cmp(&b.module));
    found
}

fn rank(folder: &str) -> usize {
    FOLDERS.iter().position(|folders| folders.contains(&folder)).unwrap_or_else(|| {
        panic!("add src/{folder} to FOLDERS in this file and to ARCHITECTURE.md")
    })
}

#[test]
fn every_folder_uses_only_the_folders_below_it() {
    for file in files() {
        for used in file.uses() {
            let folder = used.split("::").next().unwrap();
            if folder.is_empty() {
                assert_eq!(file.folder(), "adapters", "{} uses the root", file.module);
                continue;
            }
            assert!(
                folder == file.folder() || rank(folder) < rank(file.folder()),
                "{} uses {used}, and {folder} is not below its folder",
                file.module
            );
        }
    }
}

#[test]
fn no_files_of_a_folder_use_each_other_in_a_circle() {
    let files = files();
    let mut uses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.module.ends_with("::mod")) {
        let used = file.uses().filter(|used| *used != file.module);
        uses.insert(&file.module, used.collect());
    }
    // Removes a file that uses no remaining file, until no file remains.
    while !uses.is_empty() {
        let free = uses.iter().find(|(_, used)| used.iter().all(|u| !uses.contains_key(&**u)));
        let Some((free, _)) = free else {
            panic!("a circle among these files: {:?}", uses.keys());
        };
        let free = *free;
        uses.remove(free);
    }
}

#[test]
fn the_architecture_lists_every_file() {
    let text = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    for file in files().iter().filter(|file| !file.module.ends_with("::mod")) {
        let name = file.module.rsplit("::").next().unwrap();
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name `{name}`");
    }
}

#[test]
fn only_primitives_names_a_cipher_a_hash_or_a_generator() {
    for file in files().iter().filter(|file| file.folder() != "primitives") {
        for word in [
            "chacha20",
            "aws_lc_rs",
            "dryoc",
            "hmac::",
            "hkdf::",
            "sha2::",
            "p256::ecdsa",
            "getrandom",
        ] {
            assert!(!file.code.contains(word), "{} names {word}", file.module);
        }
    }
}

#[test]
fn only_the_verbs_without_at_read_the_clock() {
    let may = [
        "time",
        "keys::reload",
        "token::once",
        "token::sealer",
        "token::signer",
        "token::used_file",
        "revocation::follower",
        "transport::sealed_cookie",
        "session::builder",
        "testing",
    ];
    for file in files() {
        let (name, code) = (file.module.as_str(), file.code);
        assert!(may.contains(&name) || !code.contains("UnixTime::now"), "{name} reads the clock");
        assert!(name == "time" || !code.contains("SystemTime::now"), "{name} reads the clock");
    }
}

#[test]
fn only_adapters_know_frameworks_and_they_use_the_public_api_only() {
    let logs = [
        "keys::reload",
        "revocation::file",
        "revocation::follower",
        "session::event",
        "session::hint",
        "token::used_file",
    ];
    for file in files() {
        let name = file.module.as_str();
        if file.folder() == "adapters" {
            for used in file.uses() {
                assert!(!used.contains("::"), "{name} uses {used}, which is not public");
            }
            continue;
        }
        for word in ["http::", "axum", "tower", "actix", "poem", "rocket", "tracing"] {
            let may = word == "tracing" && logs.contains(&name);
            assert!(may || !file.code.contains(word), "{name} names {word}");
        }
    }
}

/// CI fails if `clippy` reports one of these lints. Only a file that does not read bytes of a
/// client may allow one of them.
#[test]
fn the_library_denies_what_could_panic() {
    let lints = [
        "arithmetic_side_effects",
        "as_conversions",
        "expect_used",
        "indexing_slicing",
        "panic",
        "string_slice",
        "unwrap_used",
    ];
    let root = fs::read_to_string(source().join("lib.rs")).unwrap();
    let denied = root.split("deny(").nth(1).unwrap().split(')').next().unwrap();
    for lint in lints {
        assert!(denied.contains(lint), "src/lib.rs does not deny {lint}");
    }
    for file in files() {
        let allowed = file.code.split("allow(").skip(1).map(|text| text.split(')').next().unwrap());
        for allowed in allowed.filter(|allowed| lints.iter().any(|lint| allowed.contains(lint))) {
            assert!(
                allowed.contains("reads no client's bytes"),
                "{} allows {allowed}",
                file.module
            );
        }
    }
}

/// A block under `<!-- path -->` must be in the file `path` with the same text.
#[test]
fn the_documents_show_lines_of_programs_that_compile() {
    let root = source().join("..");
    // One block of docs/coming-from.md needs crates that this workspace does not build.
    let documents = [
        ("README.md", 0),
        ("docs/coming-from.md", 1),
        ("docs/devices.md", 0),
        ("docs/frameworks.md", 0),
        ("docs/schema.md", 0),
    ];
    for (document, unnamed) in documents {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let mut shown = 0;
        for block in text.split("<!-- ").skip(1) {
            let (path, block) = block.split_once(" -->\n```rust,ignore\n").unwrap();
            let block = block.split("```\n").next().unwrap();
            let program = fs::read_to_string(root.join(path)).unwrap();
            assert!(program.contains(block), "{document} shows what {path} does not have: {block}");
            shown += 1;
        }
        let blocks = text.matches("```rust,ignore").count();
        assert_eq!(blocks - shown, unnamed, "{document}: a block names no file");
    }
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let root = source().join("..");
    for (document, at_least) in [("SECURITY.md", 20), ("docs/standards.md", 40)] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let mut named = 0;
        for (module, test) in text.split('`').filter_map(|word| word.split_once("::")) {
            if module.contains(|c: char| c.is_uppercase() || c.is_whitespace()) || test.is_empty() {
                continue; // a method of a type, or a whole module
            }
            let place = match module {
                "conformance" => root.join("crates/bulla-conformance/src/behaviours"),
                "vectors" => root.join("src/tests/vectors.rs"),
                module => root.join(format!("tests/it/{module}")),
            };
            // A module of tests/it is a file or a folder.
            let place = if place.exists() { place } else { place.with_extension("rs") };
            let files = match fs::read_dir(&place) {
                Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
                Err(_) => vec![place],
            };
            let code: Result<String, _> = files.iter().map(fs::read_to_string).collect();
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
