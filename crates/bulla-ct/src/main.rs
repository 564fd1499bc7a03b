//! Builds the checked program, once for each variant of the cryptographic code, and runs it under
//! valgrind. Arguments select variants. Exits with status 1 if a check fails.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A variant of the cryptographic code.
struct Variant {
    name: &'static str,
    /// The features of the checked program, in addition to `memcheck`.
    features: &'static str,
    /// Compiler flags that select code. Without flags, the program selects the code when it runs, by
    /// the processor features that valgrind reports.
    flags: &'static str,
}

const VARIANTS: &[Variant] = &[
    Variant { name: "rustcrypto", features: "", flags: "" },
    Variant {
        name: "portable",
        features: "",
        flags: "--cfg chacha20_backend=\"soft\" --cfg poly1305_backend=\"soft\" \
                --cfg sha2_backend=\"soft\"",
    },
    #[cfg(target_arch = "x86_64")]
    Variant { name: "sse2", features: "", flags: "--cfg chacha20_backend=\"sse2\"" },
    Variant { name: "dryoc", features: "detect", flags: "" },
    Variant { name: "dryoc-portable", features: "dryoc", flags: "" },
    Variant { name: "aws-lc-rs", features: "aws-lc-rs", flags: "" },
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    for (command, package) in [("valgrind", "valgrind"), ("cc", "gcc libc6-dev")] {
        if Command::new(command).arg("--version").output().is_err() {
            println!("{command} is not installed; run apt-get install {package}");
            return Ok(ExitCode::FAILURE);
        }
    }
    let chosen: Vec<String> = env::args().skip(1).collect();
    let names: Vec<&str> = VARIANTS.iter().map(|variant| variant.name).collect();
    if let Some(other) = chosen.iter().find(|name| !names.contains(&name.as_str())) {
        println!("unknown variant {other}; choose from: {}", names.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    let mut holds = true;
    for variant in VARIANTS {
        if !chosen.is_empty() && !chosen.iter().any(|chosen| chosen == variant.name) {
            continue;
        }
        let program = build(variant)?;
        holds &= check(variant.name, &program)?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds the checked program in release mode. Each set of flags has its own target folder.
fn build(variant: &Variant) -> Result<PathBuf, Box<dyn Error>> {
    let Variant { name, features, flags } = variant;
    let target = match *flags {
        "" => root().join("target"),
        _ => root().join("target/ct").join(name),
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root());
    cargo.args(["build", "--release", "--quiet", "--locked", "-p", "bulla-ct"]);
    cargo.args(["--bin", "bulla-ct-checked", "--target-dir"]).arg(&target);
    cargo.arg("--features").arg(format!("memcheck,{features}"));
    if !flags.is_empty() {
        cargo.env("RUSTFLAGS", flags);
    }
    if !cargo.status()?.success() {
        return Err("the checked program does not build; install the headers of valgrind".into());
    }
    Ok(target.join("release/bulla-ct-checked"))
}

fn check(name: &str, program: &Path) -> Result<bool, Box<dyn Error>> {
    let log = root().join(format!("target/memcheck-{name}.log"));
    let status = Command::new("valgrind")
        .args(["--tool=memcheck", "--quiet", "--expensive-definedness-checks=yes"])
        .args(["--error-limit=no", "--num-callers=30"])
        .arg(format!("--log-file={}", log.display()))
        .arg(program)
        .arg(name)
        .status()?;
    if !status.success() {
        println!("reports of memcheck: target/memcheck-{name}.log");
    }
    Ok(status.success())
}
