//! The promises, each with the command that tests it.

pub(crate) struct Row {
    pub(crate) promise: &'static str,
    /// The bash command, which runs in the root of the repository.
    pub(crate) command: &'static str,
    /// How the number of inputs is read from the output of the command.
    pub(crate) inputs: Inputs,
    pub(crate) unit: &'static str,
    pub(crate) run: Run,
}

#[derive(Clone, Copy)]
pub(crate) enum Inputs {
    /// The sum of all N in `N passed`.
    Tests,
    /// The sum of the numbers directly before a word.
    Before(&'static str),
    /// The sum of the numbers in a column of a table.
    Column(usize),
    /// The number of lines that contain a word.
    Lines(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Always,
    /// Runs only without `--short`.
    Long,
}

const fn tests(promise: &'static str, command: &'static str) -> Row {
    Row { promise, command, inputs: Inputs::Tests, unit: "tests", run: Run::Always }
}

/// Most commands name the whole workspace and then a test, because `cargo test --workspace` of the
/// README has already built that. With `-p`, Cargo selects other features, and builds for minutes.
///
/// Laws are properties that must always hold.
pub(crate) const ROWS: &[Row] = &[
    Row {
        promise: "The format matches the test vectors of an independent program",
        command: "cargo test --locked --workspace --lib vectors && \
                  echo \"$(grep -ho '^   \"name\"' spec/vectors/*.json | wc -l) vectors\"",
        inputs: Inputs::Before(" vectors"),
        unit: "vectors",
        run: Run::Always,
    },
    tests(
        "All backends read and write the same bytes",
        "cargo test --locked -p bulla --all-features --lib --test it",
    ),
    Row {
        promise: "All backends pass the test vectors of other projects",
        command: "for features in '' '--features detect' '--features aws-lc-rs'; do \
                  cargo test --locked -p bulla-foreign --test foreign $features -- --nocapture \
                  || exit 1; done",
        inputs: Inputs::Before(" opened"),
        unit: "Wycheproof tokens",
        run: Run::Always,
    },
    Row {
        promise: "The same vectors pass with every instruction set of this processor",
        command: "crates/bulla-foreign/backends.sh",
        inputs: Inputs::Before(" opened"),
        unit: "Wycheproof tokens",
        run: Run::Long,
    },
    Row {
        promise: "All backends agree about ten million random messages",
        command: "EXECUTIONS=10000000 cargo test --release --locked -p bulla-foreign \
                  --features detect,aws-lc-rs --test foreign all_backends_agree -- --nocapture",
        inputs: Inputs::Before(" messages compared"),
        unit: "messages",
        run: Run::Long,
    },
    Row {
        promise: "All backends make the same tokens on ARM, in an emulator",
        command: "crates/bulla-foreign/emulated.sh aarch64",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "All backends make the same tokens on a big-endian processor",
        command: "crates/bulla-foreign/emulated.sh s390x",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "All backends make the same tokens in 32-bit programs",
        command: "crates/bulla-foreign/emulated.sh i686",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "Miri finds no undefined behaviour in the cipher and in tokens",
        command: "crates/bulla-foreign/miri.sh",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "The fast backend in Rust builds without a C compiler",
        command: "rm -rf target/no-c && CC=false CXX=false AR=false cargo test --locked -p bulla \
                  --features dryoc --lib --target-dir target/no-c vectors",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long, // an empty target directory takes more than a minute
    },
    Row {
        promise: "No branch or address depends on a secret, with any backend",
        command: "cargo run --release --locked -p bulla-ct rustcrypto dryoc aws-lc-rs",
        inputs: Inputs::Before(" runs watched"),
        unit: "memcheck runs",
        run: Run::Always,
    },
    Row {
        promise: "No branch or address depends on a secret, even on older processors",
        command: "cargo run --release --locked -p bulla-ct portable sse2 dryoc-portable",
        inputs: Inputs::Before(" runs watched"),
        unit: "memcheck runs",
        run: Run::Long,
    },
    Row {
        promise: "Keys and plaintext are wiped from the memory of a program",
        command: "for features in '' '--features dryoc' '--features aws-lc-rs'; do \
                  cargo run --release --locked -p bulla-wiped $features || exit 1; done",
        inputs: Inputs::Before(" searches"),
        unit: "memory searches",
        run: Run::Always,
    },
    tests(
        "No changed, truncated, foreign or expired token opens",
        "cargo test --locked --workspace --test it -- token:: properties::",
    ),
    tests(
        "Only a well-formed proof that is signed by the right key is accepted",
        "cargo test --locked -p bulla --all-features --lib -- proof:: p256::",
    ),
    tests(
        "No session ends too early or too late, on random timelines",
        "cargo test --locked --workspace --test it -- timelines:: session:: overlap:: ring::",
    ),
    Row {
        promise: "A fleet with faults loses no session and accepts no ended session",
        command: "cargo test --locked --workspace --test it soak:: -- --nocapture",
        inputs: Inputs::Before(" requests"),
        unit: "requests",
        run: Run::Always,
    },
    Row {
        promise: "In small fleets, the laws hold in every order of events",
        command: "cargo run --release --locked -p bulla-model && \
                  cargo run --release --locked -p bulla-model -- --mistakes",
        inputs: Inputs::Before(" states"),
        unit: "states",
        run: Run::Always,
    },
    Row {
        promise: "In larger fleets, the laws hold in every order of events",
        command: "cargo run --release --locked -p bulla-model -- --large",
        inputs: Inputs::Before(" states"),
        unit: "states",
        run: Run::Long,
    },
    Row {
        promise: "Without randomness, sealing fails and opening works",
        command: "cargo test --locked -p bulla --lib randomless && tests/no_randomness.sh",
        inputs: Inputs::Before(" requests"),
        unit: "requests",
        run: Run::Long,
    },
    tests(
        "Wrong clocks and extreme inputs give a value or an error",
        "cargo test --locked --workspace --test it -- clocks:: extremes::",
    ),
    tests(
        "Memory use is bounded by the input, even if a key has leaked",
        "cargo test --locked --workspace --test memory",
    ),
    tests(
        "A session that was ended stays ended (revocation, revalidation)",
        "cargo test --locked --workspace --test it -- revocation revalidation::",
    ),
    tests(
        "A used token stays used after restarts, crashes and a full disk, on one server",
        "cargo test --locked --workspace --test it -- used_file reset::",
    ),
    tests(
        "A schema document describes exactly what postcard writes and reads",
        "cargo test --locked -p bulla --all-features --test it -- payload_schema::",
    ),
    tests(
        "All framework adapters behave the same",
        "cargo test --locked -p bulla --all-features --test it -- axum08:: actix4:: poem3:: \
         rocket05::",
    ),
    Row {
        promise: "Other frameworks serve sessions with the tower layer, over HTTP",
        command: "cargo clippy --quiet --locked --manifest-path demo/frameworks/Cargo.toml \
                  --workspace --all-targets -- -D warnings && \
                  cargo test --locked --manifest-path demo/frameworks/Cargo.toml --workspace",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    tests("The default features work alone", "cargo test --locked -p bulla --lib --test it"),
    Row {
        promise: "Each other feature works alone",
        command: "for feature in dryoc aws-lc-rs bound reload schema axum08 actix4 poem3 rocket05; do \
                  cargo test --locked -p bulla --features $feature --lib --test it || exit 1; done",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    tests(
        "Keys change while a server runs; an invalid ring is ignored",
        "cargo test --locked --workspace --test it -- reload::",
    ),
    tests(
        "Known failures of other libraries do not occur",
        "cargo test --locked --workspace --test it -- disasters:: secrets:: schema::",
    ),
    tests(
        "Cookies have strict attributes and are read as browsers send them",
        "cargo test --locked --workspace --test it -- cookie:: browser::",
    ),
    Row {
        promise: "Cookies are read in the cases of the http-state working group",
        command: "tests/http-state.sh",
        inputs: Inputs::Before(" cases"),
        unit: "cases",
        run: Run::Always,
    },
    tests(
        "A server half (state on the server) belongs to one session",
        "cargo test --locked --workspace --test half",
    ),
    tests(
        "The tool shows no secret and writes files atomically",
        "cargo test --locked --workspace --bin bulla --test extremes --test files --test sessions \
         --test transcripts",
    ),
    tests(
        "A fleet shares its ring, revocations and used tokens in Redis",
        "BULLA_NEED_REDIS=1 cargo test --locked --workspace --test redis",
    ),
    tests(
        "The laws of the fuzzer hold for all inputs of its corpus",
        "cargo test --locked --manifest-path fuzz/Cargo.toml",
    ),
    Row {
        promise: "The fuzzer finds no input that breaks a law",
        command: "fuzz/run.sh 60",
        inputs: Inputs::Column(1),
        unit: "executions",
        run: Run::Long, // its build takes minutes
    },
    Row {
        promise: "The Python implementation and the library open each other's tokens",
        command: "spec/check.sh",
        inputs: Inputs::Before(" tokens of the"),
        unit: "tokens",
        run: Run::Long,
    },
    Row {
        promise: "Rust, Python and TypeScript read each other's tokens and sessions",
        command: "js/test/cross.sh table",
        inputs: Inputs::Before(" answers compared"),
        unit: "answers",
        run: Run::Long,
    },
    Row {
        promise: "TypeScript refuses the same inputs as the library, for the same reasons",
        command: "js/test/cross.sh fuzz 1000000",
        inputs: Inputs::Before(" inputs compared"),
        unit: "inputs",
        run: Run::Long,
    },
    Row {
        promise: "The oldest dependencies that Cargo.toml allows build",
        command: ".ci/minimal-versions",
        inputs: Inputs::Before(" set of features"),
        unit: "feature sets",
        run: Run::Long,
    },
    Row {
        promise: "The public API matches docs/public-api.txt",
        command: ".ci/public-api",
        inputs: Inputs::Before(" public items"),
        unit: "items",
        run: Run::Long,
    },
    Row {
        promise: "The tests pass under AddressSanitizer",
        // CFLAGS instruments the C code of AWS-LC. Its assembly code cannot be instrumented.
        command: "for features in '' '--features dryoc' '--features aws-lc-rs'; do \
                  CFLAGS=-fsanitize=address RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
                  cargo test --locked -p bulla $features --lib --test it \
                  --target x86_64-unknown-linux-gnu --target-dir target/asan || exit 1; done",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "Keys rotate at full load without an error or a lost session",
        command: "cargo run --release --locked -p fleet -- --scenario rotation --seconds 60",
        inputs: Inputs::Column(1),
        unit: "requests, sessions",
        run: Run::Long,
    },
    Row {
        promise: "Servers that restart between sign-outs accept no session that was signed out",
        command: "cargo run --release --locked -p fleet -- --scenario restarts --seconds 40",
        inputs: Inputs::Before(" restarts"),
        unit: "restarts",
        run: Run::Long,
    },
    Row {
        promise: "Signing out other devices reaches every server within a second",
        command: "cargo run --release --locked -p fleet -- --scenario logout --seconds 40",
        inputs: Inputs::Before(" sign-outs, refused"),
        unit: "sign-outs",
        run: Run::Long,
    },
    Row {
        promise: "The demos behave as documented, driven with curl",
        command: "demo/bank/walk.sh && demo/shop/walk.sh && demo/mobile/walk.sh",
        inputs: Inputs::Lines("as expected"),
        unit: "demos",
        run: Run::Long,
    },
    Row {
        promise: "In Chromium, pages, htmx, scripts, other origins and thieves get what is documented",
        command: "cargo run --locked -p bank-browser",
        inputs: Inputs::Lines("ok   "),
        unit: "steps",
        run: Run::Long,
    },
];
