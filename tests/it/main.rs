//! The tests of what bulla promises. They are in one test binary. Tests do not wait: they pass the
//! time as an argument or set a test clock.

mod audit;
#[cfg(feature = "bound")]
mod bound;
mod browser;
mod clocks;
mod cookie;
mod cross_origin;
mod disasters;
#[cfg(feature = "bound")]
mod dpop;
#[cfg(feature = "bound")]
mod dpop_attacks;
mod end_others;
mod errors;
mod extremes;
mod former;
mod layers;
mod migration;

mod overlap;
mod pages;
#[cfg(feature = "schema")]
mod payload_schema;
#[cfg(feature = "bound")]
mod phone;
mod properties;
mod remembered;
mod revalidation;
mod revocation;
#[cfg(feature = "reload")]
mod revocation_file;
mod ring;
mod schema;
mod sealed_cookie;
mod secrets;
mod session;
mod soak;
mod support;
mod tidy;
mod timelines;
mod token;
#[cfg(all(unix, feature = "reload"))]
mod used_file;
#[cfg(all(unix, feature = "reload"))]
mod used_file_crashes;
mod user;

#[cfg(feature = "actix4")]
mod actix4;
#[cfg(feature = "axum08")]
mod axum08;
#[cfg(feature = "axum08")]
mod cart;
#[cfg(feature = "poem3")]
mod poem3;
#[cfg(all(unix, feature = "reload"))]
mod reload;
#[cfg(all(unix, feature = "axum08", feature = "reload"))]
mod reset;
#[cfg(feature = "rocket05")]
mod rocket05;
