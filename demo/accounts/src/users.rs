//! The users, their passwords and permissions, in SQLite.

use std::fmt;
use std::sync::{Arc, LazyLock};

use password_auth::{generate_hash, verify_password};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio::task::spawn_blocking;

const SCHEMA: &str = "
    create table if not exists users (
        id integer primary key,
        name text not null unique,
        password text not null,
        password_changes integer not null default 0
    );
    create table if not exists members (
        user integer not null references users (id),
        team text not null,
        primary key (user, team)
    );
    create table if not exists permissions (
        team text not null,
        name text not null,
        primary key (team, name)
    );
    insert or ignore into permissions values
        ('readers', 'protected.read'), ('editors', 'restricted.read');";

/// A user without the password, as handlers get it.
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) password_changes: i64,
    permissions: Vec<String>,
}

impl User {
    /// Whether a team of the user has the permission.
    pub(crate) fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|name| name == permission)
    }
}

/// The database of the application.
#[derive(Clone, Debug)]
pub struct Database(SqlitePool);

impl Database {
    /// Opens a database, such as `sqlite::memory:` or `sqlite:users.db`, and creates its tables.
    ///
    /// # Errors
    /// [`Error`] if the database cannot be opened.
    pub async fn open(url: &str) -> Result<Database, Error> {
        let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
        // With `:memory:`, each connection would open a separate database.
        let connections = SqlitePoolOptions::new().max_connections(1).idle_timeout(None);
        let pool = connections.max_lifetime(None).connect_with(options).await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        Ok(Database(pool))
    }

    /// Adds a user, unless there is one of this name.
    ///
    /// # Errors
    /// [`Error`] if the database cannot be changed.
    pub async fn add(&self, name: &str, password: &str, teams: &[&str]) -> Result<(), Error> {
        let hash = hash(password.to_owned()).await?;
        sqlx::query("insert or ignore into users (name, password) values (?, ?)")
            .bind(name)
            .bind(hash)
            .execute(&self.0)
            .await?;
        for team in teams {
            sqlx::query("insert or ignore into members select id, ? from users where name = ?")
                .bind(team)
                .bind(name)
                .execute(&self.0)
                .await?;
        }
        Ok(())
    }

    /// The user with this id and all permissions, in one query.
    pub(crate) async fn user(self, id: i64) -> Result<Option<User>, Error> {
        let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "select distinct users.name, password_changes, permissions.name
             from users
             left join members on members.user = users.id
             left join permissions on permissions.team = members.team
             where users.id = ?",
        )
        .bind(id)
        .fetch_all(&self.0)
        .await?;
        let Some((name, password_changes, _)) = rows.first() else { return Ok(None) };
        let (name, password_changes) = (name.clone(), *password_changes);
        let permissions = rows.into_iter().filter_map(|(.., permission)| permission).collect();
        Ok(Some(User { id, name, password_changes, permissions }))
    }

    /// The user with this name and password.
    pub(crate) async fn authenticate(
        &self,
        name: &str,
        password: String,
    ) -> Result<Option<User>, Error> {
        /// The hash that is checked if the name does not exist. The time of the response must not
        /// reveal whether the name exists.
        static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| generate_hash("").into());
        let row: Option<(i64, String)> =
            sqlx::query_as("select id, password from users where name = ?")
                .bind(name)
                .fetch_optional(&self.0)
                .await?;
        let id = row.as_ref().map(|(id, _)| *id);
        let matches = spawn_blocking(move || {
            let hash = row.map_or_else(|| Arc::clone(&NOBODY), |(_, hash)| hash.into());
            verify_password(password, &hash).is_ok()
        });
        match (matches.await?, id) {
            (true, Some(id)) => self.clone().user(id).await,
            _ => Ok(None),
        }
    }

    /// Sets the password of a user. Returns the user after the change, or `None` if the password
    /// was changed elsewhere since the user was loaded.
    pub(crate) async fn set_password(
        &self,
        user: &User,
        password: String,
    ) -> Result<Option<User>, Error> {
        let changed = sqlx::query(
            "update users set password = ?, password_changes = password_changes + 1
             where id = ? and password_changes = ?",
        )
        .bind(hash(password).await?)
        .bind(user.id)
        .bind(user.password_changes)
        .execute(&self.0)
        .await?;
        match changed.rows_affected() {
            0 => Ok(None),
            _ => self.clone().user(user.id).await,
        }
    }
}

/// Hashes a password. This takes tens of milliseconds, so it runs on a separate thread.
async fn hash(password: String) -> Result<String, Error> {
    Ok(spawn_blocking(|| generate_hash(password)).await?)
}

/// Why the users could not be read or changed.
#[derive(Debug)]
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the users could not be read or changed: {}", self.0)
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        Error(error.into())
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Error {
        Error(error.into())
    }
}
