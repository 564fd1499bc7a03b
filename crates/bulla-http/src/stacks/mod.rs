//! The stacks. A stack is a framework with a session library.

pub mod actix;
pub mod axum;

use std::time::Duration;

/// The idle timeout, if the library can enforce one.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// A stack, and how the report describes it.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// The name in the report.
    pub name: &'static str,
    /// The argument of `server --stack`.
    pub id: &'static str,
    /// The framework.
    pub framework: Framework,
    /// Where the state is stored.
    pub keeps: Keeps,
    /// The backend of bulla.
    pub build: Build,
    /// What enforces the deadline.
    pub expiry: &'static str,
    /// What the client can read.
    pub sees: &'static str,
}

/// A web framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// axum 0.8, on a runtime of one thread.
    Axum,
    /// actix-web 4, with one worker.
    Actix,
}

/// Where the state is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// There is no session. This measures the framework alone.
    Nothing,
    /// In a cookie of the client.
    Client,
    /// In two cookies of the client, and every read sends a new renewal token. By default, bulla
    /// does this at most once every 90 seconds.
    ClientRenewing,
    /// In the memory of the server.
    Memory,
    /// In Redis.
    Redis,
}

/// The builds of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// bulla with its default backend.
    Default,
    /// bulla with the feature `dryoc`.
    Dryoc,
    /// bulla with the feature `aws-lc-rs`.
    AwsLc,
}

const FLOOR: Stack = Stack {
    name: "axum, no session",
    id: "axum",
    framework: Framework::Axum,
    keeps: Keeps::Nothing,
    build: Build::Default,
    expiry: "–",
    sees: "–",
};

const BULLA: Stack = Stack {
    name: "axum, bulla",
    id: "axum-bulla",
    keeps: Keeps::Client,
    expiry: "server, sliding",
    sees: "nothing",
    ..FLOOR
};

const COOKIES: Stack = Stack { expiry: "server", ..BULLA };
const STORES: Stack = Stack { keeps: Keeps::Redis, sees: "an id", expiry: "store", ..FLOOR };
const ACTIX: Stack = Stack { framework: Framework::Actix, ..FLOOR };

/// All stacks in the order of the report. For each framework, the order is: no session, bulla,
/// other libraries.
pub const STACKS: [Stack; 16] = [
    FLOOR,
    BULLA,
    Stack { name: "axum, bulla with dryoc", build: Build::Dryoc, ..BULLA },
    Stack { name: "axum, bulla with aws-lc-rs", build: Build::AwsLc, ..BULLA },
    Stack {
        name: "axum, bulla, every read renews",
        id: "axum-bulla-renewing",
        keeps: Keeps::ClientRenewing,
        ..BULLA
    },
    Stack {
        name: "axum, axum-extra PrivateCookieJar",
        id: "axum-private-jar",
        expiry: "none",
        ..COOKIES
    },
    Stack { name: "axum, seshcookie", id: "axum-seshcookie", ..COOKIES },
    Stack {
        name: "axum, tower-sessions-cookie-store, private",
        id: "axum-tower-cookie",
        ..COOKIES
    },
    Stack {
        name: "axum, tower-sessions, memory",
        id: "axum-tower-memory",
        keeps: Keeps::Memory,
        ..STORES
    },
    Stack { name: "axum, tower-sessions, Redis", id: "axum-tower-redis", ..STORES },
    Stack { name: "actix-web, no session", id: "actix", ..ACTIX },
    Stack { name: "actix-web, bulla", id: "actix-bulla", framework: Framework::Actix, ..BULLA },
    Stack {
        name: "actix-web, bulla with dryoc",
        id: "actix-bulla",
        framework: Framework::Actix,
        build: Build::Dryoc,
        ..BULLA
    },
    Stack {
        name: "actix-web, bulla with aws-lc-rs",
        id: "actix-bulla",
        framework: Framework::Actix,
        build: Build::AwsLc,
        ..BULLA
    },
    Stack {
        name: "actix-web, actix-session, cookie",
        id: "actix-session-cookie",
        framework: Framework::Actix,
        expiry: "none",
        ..COOKIES
    },
    Stack {
        name: "actix-web, actix-session, Redis",
        id: "actix-session-redis",
        framework: Framework::Actix,
        sees: "an encrypted id",
        ..STORES
    },
];
