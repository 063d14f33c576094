//! rsync, in both its ways, on ports of the loopback, with keys that live as long as the bench.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Contestant, Server};
use crate::shell;

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// Debian's place for the server, which is not on everybody's `PATH`.
const SSHD: &str = "/usr/sbin/sshd";

/// Starts what is there; says what is missing and goes on without it.
pub(super) fn start(source: &Path, place: &Path) -> Result<Vec<(Contestant, Server)>> {
    provide();
    let mut rivals = Vec::new();
    if shell::find("rsync").is_none() {
        println!("  rsync is not installed: its rows are left out");
        return Ok(rivals);
    }
    if shell::find("ssh").is_some() && Path::new(SSHD).is_file() {
        rivals.push(over_ssh(source, place).context("could not set up rsync over ssh")?);
    } else {
        println!("  ssh or its server is not installed: rsync over ssh is left out");
    }
    rivals.push(daemon(source, place).context("could not set up rsync's daemon")?);
    Ok(rivals)
}

/// As root on Debian what is missing is installed.
fn provide() {
    let is_root = shell::read(&mut shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    let is_there = shell::find("rsync").is_some() && Path::new(SSHD).is_file();
    if is_there || !is_root || shell::find("apt-get").is_none() {
        return;
    }
    println!("  installing rsync and openssh-server");
    let args = ["install", "--yes", "-qq", "--no-install-recommends", "rsync", "openssh-server"];
    let mut install = shell::command("apt-get", &args);
    install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    // What is then still missing is left out and said.
    shell::run(&mut install).ok();
}

fn over_ssh(source: &Path, place: &Path) -> Result<(Contestant, Server)> {
    let keys = place.join("ssh");
    fs::create_dir_all(&keys)?;
    for name in ["host", "user"] {
        let file = keys.join(name);
        if !file.exists() {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file);
            shell::run(&mut command)?;
        }
    }
    let port = free_port()?;
    let path = |name: &str| keys.join(name).display().to_string();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n",
        path("host"),
        path("user.pub"),
    );
    fs::write(keys.join("config"), config)?;
    // Where the server's unprivileged half lives; only root can make it, and only root needs it.
    fs::create_dir_all("/run/sshd").ok();
    let mut command = Command::new(SSHD);
    command.args(["-D", "-e", "-f"]).arg(keys.join("config")).stdin(Stdio::null()).stderr(Stdio::null());
    let server = Server { child: command.spawn()?, _stdin: None };
    wait_for(port)?;
    let user = shell::read(&mut shell::command("id", &["-un"]))?.trim().to_owned();
    let remote_shell = format!(
        "ssh -p {port} -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        path("user"),
    );
    let from = format!("{user}@127.0.0.1:{}/", source.display());
    let fetch = Box::new(move |to: &Path| {
        let mut command = Command::new("rsync");
        command.args(["-a", "-e", &remote_shell, &from]).arg(to);
        command
    });
    let name = "rsync over ssh".to_owned();
    Ok((Contestant { name, server: server.child.id(), one_process: false, fetch }, server))
}

fn daemon(source: &Path, place: &Path) -> Result<(Contestant, Server)> {
    let config = place.join("rsyncd.conf");
    let text = format!(
        "use chroot = no\n[files]\npath = {}\nread only = yes\nlog file = /dev/null\n",
        source.display()
    );
    fs::write(&config, text)?;
    let port = free_port()?;
    let child = Command::new("rsync")
        .args(["--daemon", "--no-detach", "--address=127.0.0.1", &format!("--port={port}"), "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .spawn()?;
    let server = Server { child, _stdin: None };
    wait_for(port)?;
    let from = format!("rsync://127.0.0.1:{port}/files/");
    let fetch = Box::new(move |to: &Path| {
        let mut command = Command::new("rsync");
        command.args(["-a", &from]).arg(to);
        command
    });
    let name = "rsync daemon (clear text)".to_owned();
    Ok((Contestant { name, server: server.child.id(), one_process: false, fetch }, server))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let started = Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > START_MAX {
            bail!("nothing listens on port {port}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
