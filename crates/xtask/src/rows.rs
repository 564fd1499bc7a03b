//! The promises, and what holds each.

pub(crate) struct Row {
    pub(crate) promise: &'static str,
    /// What bash runs, in the root of the repository.
    pub(crate) command: &'static str,
    /// How the number of inputs is read from what the command says.
    pub(crate) inputs: Inputs,
    pub(crate) unit: &'static str,
    pub(crate) run: Run,
}

#[derive(Clone, Copy)]
pub(crate) enum Inputs {
    /// `N passed`, summed.
    Tests,
    /// The numbers right before a word, summed.
    Before(&'static str),
    /// The numbers in a column of a table, summed.
    Column(usize),
    /// Lines that have a word.
    Lines(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Always,
    /// Not in the short form.
    Long,
}

const fn tests(promise: &'static str, command: &'static str) -> Row {
    Row { promise, command, inputs: Inputs::Tests, unit: "tests", run: Run::Always }
}

/// Most rows name the whole workspace and then a test, because that is what the README's
/// command has built: `-p` chooses other features, and builds for minutes.
pub(crate) const ROWS: &[Row] = &[
    Row {
        promise: "The format is what is written: vectors of another implementation",
        command: "cargo test --locked --workspace --lib vectors && \
                  echo \"$(grep -ho '^   \"name\"' spec/vectors/*.json | wc -l) vectors\"",
        inputs: Inputs::Before(" vectors"),
        unit: "vectors",
        run: Run::Always,
    },
    tests(
        "The other backend writes and reads the same bytes",
        "cargo test --locked -p bulla --all-features --lib --test it",
    ),
    Row {
        promise: "The primitives pass the vectors of others, with both backends",
        command: "for features in '' '--features aws-lc-rs'; do cargo test --locked \
                  -p bulla-foreign --test foreign $features -- --nocapture || exit 1; done",
        inputs: Inputs::Before(" opened"),
        unit: "tokens of Wycheproof",
        run: Run::Always,
    },
    Row {
        promise: "They do on every path that this processor has",
        command: "crates/bulla-foreign/backends.sh",
        inputs: Inputs::Before(" opened"),
        unit: "tokens of Wycheproof",
        run: Run::Long,
    },
    Row {
        promise: "Nothing branches on a secret or looks it up: memcheck, both backends",
        command: "cargo run --release --locked -p bulla-ct rustcrypto && \
                  cargo run --release --locked -p bulla-ct --features aws-lc-rs",
        inputs: Inputs::Before(" runs watched"),
        unit: "runs under memcheck",
        run: Run::Always,
    },
    Row {
        promise: "Nor on the paths of older processors: SSE2, and portable code",
        command: "cargo run --release --locked -p bulla-ct portable sse2",
        inputs: Inputs::Before(" runs watched"),
        unit: "runs under memcheck",
        run: Run::Long,
    },
    Row {
        promise: "Keys and plaintext are wiped: all of a program is searched for them",
        command: "for features in '' '--features aws-lc-rs'; do cargo run --release --locked \
                  -p bulla-wiped $features || exit 1; done",
        inputs: Inputs::Before(" looks"),
        unit: "searches",
        run: Run::Always,
    },
    tests(
        "No changed, cut, foreign or expired token opens",
        "cargo test --locked --workspace --test it -- token:: properties::",
    ),
    tests(
        "Timeouts, renewals and rotation lose nobody, on random timelines",
        "cargo test --locked --workspace --test it -- timelines:: session:: overlap:: ring::",
    ),
    Row {
        promise: "Days of a fleet with faults lose and accept nothing wrongly",
        command: "cargo test --locked --workspace --test it soak:: -- --nocapture",
        inputs: Inputs::Before(" requests"),
        unit: "requests",
        run: Run::Always,
    },
    Row {
        promise: "The laws hold in every interleaving of small fleets",
        command: "cargo run --release --locked -p bulla-model && \
                  cargo run --release --locked -p bulla-model -- --mistakes",
        inputs: Inputs::Before(" states"),
        unit: "states",
        run: Run::Always,
    },
    Row {
        promise: "They hold in those of larger ones",
        command: "cargo run --release --locked -p bulla-model -- --large",
        inputs: Inputs::Before(" states"),
        unit: "states",
        run: Run::Long,
    },
    Row {
        promise: "Without randomness nothing is made, and the rest goes on",
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
        "Memory is bounded by what comes in, also under a leaked key",
        "cargo test --locked --workspace --test memory",
    ),
    tests(
        "What is ended stays ended: revocation and revalidation",
        "cargo test --locked --workspace --test it -- revocation revalidation::",
    ),
    tests(
        "Every framework behaves alike",
        "cargo test --locked -p bulla --all-features --test it -- axum08:: actix4:: rocket05::",
    ),
    tests("The default features alone are enough", "cargo test --locked -p bulla --lib --test it"),
    Row {
        promise: "So is each other feature: none leans on another",
        command: "for feature in aws-lc-rs reload axum08 actix4 rocket05; do \
                  cargo test --locked -p bulla --features $feature --lib --test it || exit 1; done",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    tests(
        "Keys change while serving, and a bad ring changes nothing",
        "cargo test --locked --workspace --test it -- reload::",
    ),
    tests(
        "The disasters of others do not happen here",
        "cargo test --locked --workspace --test it -- disasters:: secrets:: schema::",
    ),
    tests(
        "Cookies are strict, and read as browsers send them",
        "cargo test --locked --workspace --test it -- cookie:: browser::",
    ),
    Row {
        promise: "They are found as the http-state working group's browsers send them",
        command: "tests/http-state.sh",
        inputs: Inputs::Before(" cases"),
        unit: "cases",
        run: Run::Always,
    },
    tests(
        "What stays on the server belongs to its session",
        "cargo test --locked --workspace --test half",
    ),
    tests(
        "The tool shows no secret, and writes a ring whole or not at all",
        "cargo test --locked --workspace --bin bulla --test extremes --test files --test sessions \
         --test transcripts",
    ),
    tests(
        "A fleet shares ring, revocations and used links through Redis",
        "BULLA_NEED_REDIS=1 cargo test --locked --workspace --test redis",
    ),
    tests(
        "The fuzzer's laws hold over its corpus",
        "cargo test --locked --manifest-path fuzz/Cargo.toml",
    ),
    Row {
        promise: "The fuzzer finds nothing that breaks a law",
        command: "fuzz/run.sh $FUZZ_SECONDS",
        inputs: Inputs::Column(1),
        unit: "executions",
        run: Run::Always,
    },
    Row {
        promise: "The implementation in Python opens what the library makes, and back",
        command: "spec/check.sh",
        inputs: Inputs::Before(" tokens of the"),
        unit: "tokens",
        run: Run::Long,
    },
    Row {
        promise: "The oldest dependencies that Cargo.toml allows are enough",
        command: ".ci/minimal-versions",
        inputs: Inputs::Before(" set of features"),
        unit: "sets of features",
        run: Run::Long,
    },
    Row {
        promise: "The public interface is the one that was read",
        command: ".ci/public-api",
        inputs: Inputs::Before(" public items"),
        unit: "items",
        run: Run::Long,
    },
    Row {
        promise: "Tests hold under AddressSanitizer",
        // CFLAGS for the C of AWS-LC; its assembly cannot be instrumented.
        command: "for features in '' '--features aws-lc-rs'; do CFLAGS=-fsanitize=address \
                  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --locked -p bulla \
                  $features --lib --test it --target x86_64-unknown-linux-gnu \
                  --target-dir target/asan || exit 1; done",
        inputs: Inputs::Tests,
        unit: "tests",
        run: Run::Long,
    },
    Row {
        promise: "Keys rotate at full load without an error or a lost session",
        command: "cargo run --release --locked -p fleet -- --scenario rotation --seconds 60",
        inputs: Inputs::Column(1),
        unit: "requests and more",
        run: Run::Long,
    },
    Row {
        promise: "Signing out other devices holds on every server within a second",
        command: "cargo run --release --locked -p fleet -- --scenario logout --seconds 40",
        inputs: Inputs::Before(" sign-outs, refused"),
        unit: "sign-outs",
        run: Run::Long,
    },
    Row {
        promise: "A curious person finds the bank as promised",
        command: "demo/bank/walk.sh && demo/shop/walk.sh && demo/mobile/walk.sh",
        inputs: Inputs::Lines("as promised"),
        unit: "walks",
        run: Run::Long,
    },
];
