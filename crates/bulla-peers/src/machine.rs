//! Describes the machine without naming it.

use std::{fs, io};

/// Returns a description such as
/// `a virtual machine of 2 cores of an AMD processor (AES, AVX2, SHA), Linux`.
///
/// # Errors
/// If /proc cannot be read.
pub fn describe() -> io::Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    };
    let cores = text.lines().filter(|line| line.starts_with("processor")).count();
    let maker = match field("vendor_id") {
        "GenuineIntel" => "an Intel processor",
        "AuthenticAMD" => "an AMD processor",
        _ => "a processor",
    };
    let flags: Vec<&str> = field("flags").split(' ').collect();
    let has = [("aes", "AES"), ("avx2", "AVX2"), ("avx512f", "AVX-512"), ("sha_ni", "SHA")];
    let has: Vec<_> =
        has.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, name)| *name).collect();
    let has = if has.is_empty() { "no relevant extensions".into() } else { has.join(", ") };
    let kind = if flags.contains(&"hypervisor") { "a virtual machine" } else { "a machine" };
    Ok(format!("{kind} of {cores} cores of {maker} ({has}), Linux"))
}
