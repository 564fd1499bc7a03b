//! Starts the programs, pins each to a core, and reads the resources that they use.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::stacks::{Build, Stack};

/// The core of the servers. Only one server has work at a time.
pub const SERVER_CORE: usize = 0;

/// The core of wrk and Redis.
pub const LOAD_CORE: usize = 1;

/// A command that is pinned to one core, and is killed when this program ends.
#[must_use]
pub fn on_core(core: usize, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string(), program]);
    command
}

/// The server program. There is one build for each backend of bulla.
pub struct Servers {
    default: PathBuf,
    dryoc: PathBuf,
    aws_lc: PathBuf,
}

impl Servers {
    /// Builds the programs and puts them into the folder of this program.
    ///
    /// # Errors
    /// If a build fails.
    pub fn build() -> Outcome<Servers> {
        let folder = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
        let build = |name: &str, features: &[&str]| -> Outcome<PathBuf> {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--release", "--quiet", "--locked", "--bin", "server"]);
            build.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
            // `cargo run` sets these variables. With them, Cargo would build the crate `ring`
            // again.
            for (name, _) in std::env::vars_os() {
                let name = name.to_string_lossy();
                if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                    build.env_remove(&*name);
                }
            }
            if !build.args(features).status()?.success() {
                return Err("cargo could not build the server".into());
            }
            let copy = folder.join(name);
            fs::copy(folder.join("server"), &copy)?;
            Ok(copy)
        };
        Ok(Servers {
            aws_lc: build("server-aws-lc-rs", &["--features", "aws-lc-rs"])?,
            dryoc: build("server-dryoc", &["--features", "dryoc"])?,
            default: build("server-default", &[])?,
        })
    }
}

/// The running server of a stack. Dropping this kills the server.
pub struct Server {
    child: Child,
    /// The address that the server listens on.
    pub address: SocketAddr,
}

impl Server {
    /// Starts the server on a free port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(stack: &Stack, servers: &Servers, redis: &Redis) -> Outcome<Server> {
        let program = match stack.build {
            Build::Default => &servers.default,
            Build::Dryoc => &servers.dryoc,
            Build::AwsLc => &servers.aws_lc,
        };
        let mut child =
            on_core(SERVER_CORE, program.to_str().ok_or("the path of the server is not UTF-8")?)
                .args(["--stack", stack.id, "--redis", &format!("redis://{}", redis.address)])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| format!("setpriv: {error}; apt-get install util-linux"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let mut server = Server { child, address: redis.address };
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://");
        server.address = address.ok_or(format!("{} does not start", stack.name))?.parse()?;
        Ok(server)
    }

    /// CPU time of all threads since the server started, in microseconds.
    ///
    /// # Errors
    /// If the server has ended.
    pub fn cpu(&self) -> Outcome<f64> {
        cpu(self.child.id())
    }

    /// Resident memory of the server, in bytes.
    ///
    /// # Errors
    /// If the server has ended.
    pub fn memory(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.ok_or("no VmRSS")?.parse::<f64>()? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A Redis server that writes nothing to disk. Dropping this kills the server.
pub struct Redis {
    child: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts Redis on a free port.
    ///
    /// # Errors
    /// If it is not installed or does not start.
    pub fn start() -> Outcome<Redis> {
        // The listener is dropped at once, so the port is free for Redis. It is unlikely that
        // another program takes the port first.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = on_core(LOAD_CORE, "redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("setpriv: {error}; apt-get install util-linux"))?;
        let mut redis = Redis { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if redis.child.try_wait()?.is_some() || begun.elapsed() > Duration::from_secs(10) {
                return Err("redis-server does not start; apt-get install redis-server".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(redis)
    }

    /// CPU time since Redis started, in microseconds.
    ///
    /// # Errors
    /// If Redis has ended.
    pub fn cpu(&self) -> Outcome<f64> {
        cpu(self.child.id())
    }

    /// Memory of the data in Redis, in bytes.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub fn memory(&self) -> Outcome<f64> {
        self.info("used_memory")
    }

    /// Bytes that Redis has received and sent since it started.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub fn traffic(&self) -> Outcome<f64> {
        Ok(self.info("total_net_input_bytes")? + self.info("total_net_output_bytes")?)
    }

    fn info(&self, what: &str) -> Outcome<f64> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"INFO\r\nQUIT\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(what).and_then(|rest| rest.strip_prefix(':')));
        Ok(value.ok_or("INFO lacks a value")?.trim().parse()?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a program. Errors are ignored, because it may have ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// CPU time (utime and stime) in microseconds. A tick of Linux is 10 ms.
fn cpu(process: u32) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name of the program in parentheses. The name can contain any
    // character.
    let fields: Vec<&str> = stat[stat.rfind(')').ok_or("no name")?..].split(' ').collect();
    let [utime, stime] = [fields[12].parse::<f64>()?, fields[13].parse::<f64>()?];
    Ok((utime + stime) * 10_000.0)
}
