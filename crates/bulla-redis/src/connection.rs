//! Connections to Redis, with timeouts.

use std::time::Duration;

use redis::{Client, Connection};

use crate::error::RedisRingError;

/// Bounds how long a server or an operator waits for Redis.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn connect(client: &Client) -> Result<Connection, RedisRingError> {
    let connection = client.get_connection_with_timeout(TIMEOUT).map_err(RedisRingError::of)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    connection.set_write_timeout(Some(TIMEOUT)).map_err(RedisRingError::of)?;
    Ok(connection)
}

/// Returns the connection if Redis still answers on it.
///
/// A dead connection must be found before a command that changes something is sent. After a
/// failure, nothing tells whether Redis executed the command, so it must not be sent again.
pub(crate) fn alive(mut connection: Connection) -> Option<Connection> {
    redis::cmd("PING").exec(&mut connection).is_ok().then_some(connection)
}
