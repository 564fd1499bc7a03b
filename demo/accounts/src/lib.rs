//! Users in SQLite with passwords, permissions, and messages for the next page: an application with
//! the behaviour of axum-login's examples `sqlite` and `permissions`.
//!
//! | question | file |
//! |---|---|
//! | What does the application need for sessions? | `session` |
//! | Who are the users, and what may they do? | `users` |
//! | Which pages are there? | `web` |

mod session;
mod users;
mod web;

pub use crate::users::{Database, Error};
pub use crate::web::app;
