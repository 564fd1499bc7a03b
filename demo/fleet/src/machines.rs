//! The programs of the fleet: Redis, three banks, nginx, and the command-line tool `bulla`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Outcome;

pub(crate) const BANKS: usize = 3;

pub(crate) struct Machines {
    /// The directory for all files of the programs. It is removed at the end.
    folder: PathBuf,
    /// The directory with the programs `bank` and `bulla`.
    bin: PathBuf,
    redis_port: u16,
    redis: Option<Child>,
    bank_ports: [u16; BANKS],
    banks: [Option<Child>; BANKS],
    nginx: Option<Child>,
    pub(crate) front: SocketAddr,
}

impl Machines {
    pub(crate) async fn start() -> Outcome<Machines> {
        let bin = build().await?;
        let folder = std::env::temp_dir().join(format!("bulla-fleet-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut machines = Machines {
            folder,
            bin,
            redis_port: free_port()?,
            redis: None,
            bank_ports: [free_port()?, free_port()?, free_port()?],
            banks: [None, None, None],
            nginx: None,
            front: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
        };
        machines.start_redis().await?;
        for bank in 0..BANKS {
            machines.start_bank(bank).await?;
        }
        machines.start_nginx().await?;
        Ok(machines)
    }

    pub(crate) async fn start_redis(&mut self) -> Outcome {
        let port = self.redis_port.to_string();
        let redis = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .arg("--dir")
            .arg(&self.folder)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("redis-server: {error}; install Redis"))?;
        self.redis = Some(redis);
        answers(self.redis_port).await
    }

    pub(crate) async fn stop_redis(&mut self) -> Outcome {
        stop(self.redis.take(), "TERM").await
    }

    async fn start_bank(&mut self, bank: usize) -> Outcome {
        let log = fs::File::create(self.folder.join(format!("bank-{bank}.log")))?;
        let child = Command::new(self.bin.join("bank"))
            .args(["--listen", &format!("127.0.0.1:{}", self.bank_ports[bank])])
            .args(["--redis", &self.redis_url()])
            .env("RUST_LOG", "bulla=info,warn")
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.banks[bank] = Some(child);
        answers(self.bank_ports[bank]).await
    }

    /// Restarts a bank as an operator would.
    ///
    /// First, nginx stops sending requests to the bank, and the bank has one second to finish the
    /// requests that it is serving. Then the bank restarts, and nginx sends requests to it again.
    pub(crate) async fn restart_bank(&mut self, bank: usize) -> Outcome {
        self.tell_nginx(Some(bank)).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop(self.banks[bank].take(), "INT").await?;
        self.start_bank(bank).await?;
        self.tell_nginx(None).await
    }

    async fn start_nginx(&mut self) -> Outcome {
        self.write_nginx_conf(None)?;
        let nginx = self
            .nginx_command()
            .spawn()
            .map_err(|error| format!("nginx: {error}; install nginx"))?;
        self.nginx = Some(nginx);
        answers(self.front.port()).await
    }

    async fn tell_nginx(&self, without: Option<usize>) -> Outcome {
        self.write_nginx_conf(without)?;
        let told = self.nginx_command().args(["-s", "reload"]).status().await?;
        if told.success() { Ok(()) } else { Err("nginx did not reload its configuration".into()) }
    }

    fn nginx_command(&self) -> Command {
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&self.folder).args(["-c", "nginx.conf", "-e", "nginx.log"]);
        nginx
    }

    fn write_nginx_conf(&self, without: Option<usize>) -> Outcome {
        let banks = self.bank_ports.iter().enumerate().map(|(bank, port)| {
            let down = if without == Some(bank) { " down" } else { "" };
            format!("    server 127.0.0.1:{port}{down};\n")
        });
        let conf = format!(
            "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log nginx.log warn;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path body;\n  proxy_temp_path proxy;\n\
             \x20 fastcgi_temp_path fastcgi;\n  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n\
             \x20 keepalive_requests 1000000;\n  upstream banks {{\n{}  }}\n\
             \x20 server {{\n    listen {};\n    location / {{ proxy_pass http://banks; \
             proxy_set_header Host $http_host; }}\n  }}\n}}\n",
            banks.collect::<String>(),
            self.front
        );
        Ok(fs::write(self.folder.join("nginx.conf"), conf)?)
    }

    pub(crate) fn bank(&self, bank: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.bank_ports[bank]))
    }

    /// Returns the number of commands that Redis has run.
    pub(crate) async fn redis_commands(&self) -> Outcome<u64> {
        let port = self.redis_port.to_string();
        let output =
            Command::new("redis-cli").args(["-p", &port, "info", "stats"]).output().await?;
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(line.ok_or("Redis does not report its number of commands")?.trim().parse()?)
    }

    /// Runs `bulla ring …` on the ring in Redis, as an operator would.
    pub(crate) async fn ring(&self, arguments: &[&str]) -> Outcome<String> {
        let output = Command::new(self.bin.join("bulla"))
            .arg("ring")
            .args(arguments)
            .args(["--redis", &self.redis_url(), "--name", "bank:ring"])
            .output()
            .await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("bulla ring {}: {said}", arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(crate) async fn stop(mut self) -> Outcome {
        stop(self.nginx.take(), "QUIT").await?;
        for bank in 0..BANKS {
            stop(self.banks[bank].take(), "INT").await?;
        }
        self.stop_redis().await?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    /// Returns the warnings and errors that the banks and nginx have logged.
    pub(crate) fn complaints(&self) -> Outcome<Vec<String>> {
        let mut complaints = Vec::new();
        let banks = (0..BANKS).map(|bank| format!("bank-{bank}.log"));
        for log in banks.chain(["nginx.log".to_owned()]) {
            let text = fs::read_to_string(self.folder.join(&log)).unwrap_or_default();
            let bad = text.lines().filter(|line| {
                [" ERROR ", " WARN ", "[error]", "[crit]"].iter().any(|word| line.contains(word))
            });
            complaints.extend(bad.map(|line| format!("{log}: {line}")));
        }
        Ok(complaints)
    }

    fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.redis_port)
    }
}

/// Stops nginx when a run is interrupted. The other programs are killed on drop, but a killed
/// nginx would leave its worker process running.
impl Drop for Machines {
    fn drop(&mut self) {
        if let Some(id) = self.nginx.as_ref().and_then(Child::id) {
            let kill = std::process::Command::new("kill").arg(id.to_string()).status();
            kill.map_or_else(|error| eprintln!("nginx is still running: {error}"), |_| ());
        }
    }
}

/// Builds the bank and the tool, with the profile of this program, and returns their directory.
///
/// It builds with the features of the whole workspace, to reuse what its tests have built.
async fn build() -> Outcome<PathBuf> {
    let bin = std::env::current_exe()?.parent().map(Path::to_owned).ok_or("no folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "bank", "--bin", "bulla"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    println!("building the bank and the tool");
    if !build.status().await?.success() {
        return Err("cargo could not build the bank and the tool".into());
    }
    Ok(bin)
}

/// Returns a port that is free now. Another program could take it before it is used.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn answers(port: u16) -> Outcome {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("no program listens on 127.0.0.1:{port}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn stop(child: Option<Child>, signal: &str) -> Outcome {
    let Some(mut child) = child else { return Ok(()) };
    let id = child.id().ok_or("the program ended before it was stopped")?.to_string();
    Command::new("kill").args([&format!("-{signal}"), &id]).status().await?;
    tokio::time::timeout(Duration::from_secs(20), child.wait()).await??;
    Ok(())
}
