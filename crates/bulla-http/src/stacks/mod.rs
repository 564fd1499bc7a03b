//! The stacks: a framework, and what keeps its sessions.

pub mod actix;
pub mod axum;

use std::time::Duration;

/// How long a session lives without activity, wherever the library can hold that.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Which server, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// As the report has it.
    pub name: &'static str,
    /// As `server --stack` has it.
    pub id: &'static str,
    /// Around it.
    pub framework: Framework,
    /// Where the state is.
    pub keeps: Keeps,
    /// Whose cryptography bulla was built with.
    pub build: Build,
    /// What holds the deadline.
    pub expiry: &'static str,
    /// What the client sees of the state.
    pub sees: &'static str,
}

/// What serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// axum 0.8, on a runtime of one thread.
    Axum,
    /// actix-web 4, with one worker.
    Actix,
}

/// Where the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// There is none: what the framework costs alone.
    Nothing,
    /// In the client's cookie.
    Client,
    /// In the client's cookies, two of them, and every read sends a new one: what bulla
    /// does to a read every 90 seconds.
    ClientRenewing,
    /// In the server's own memory.
    Memory,
    /// In Redis.
    Redis,
}

/// The server is built twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// bulla as it comes.
    Default,
    /// bulla with its feature aws-lc-rs.
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

/// Every stack, in the order of the report: a framework's floor, bulla, the peers.
pub const STACKS: [Stack; 14] = [
    FLOOR,
    BULLA,
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
