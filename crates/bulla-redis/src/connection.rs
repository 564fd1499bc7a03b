//! Connections to Redis, with timeouts.

use std::time::Duration;

use redis::{Client, Connection};

use crate::error::RedisRingError;

/// The longest time that a server or the tool waits for Redis to connect, to read or to write.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn connect(client: &Client) -> Result<Connection, RedisRingError> {
    let connection = client.get_connection_with_timeout(TIMEOUT).map_err(RedisRingError::of)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    connection.set_write_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    Ok(connection)
}

/// Returns the connection if Redis still answers on it.
///
/// Call this before sending a command that changes something. If such a command fails, it is not
/// known whether Redis has executed the command, so the command must not be sent again.
pub(crate) fn alive(mut connection: Connection) -> Option<Connection> {
    redis::cmd("PING").exec(&mut connection).is_ok().then_some(connection)
}
