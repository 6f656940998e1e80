//! `cargo xtask moto`: a server that answers as AWS does, on a free loopback port, for as long as something needs it.
//!
//! It is [moto](https://docs.getmoto.org) with what plain moto gets wrong put right: `tests/aws/awslike`. It lives in a
//! Python environment of its own in the target folder, made from the versions in `tests/aws/requirements.txt`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{run as run_command, shown};
use crate::workspace::{Workspace, as_from_a_shell, root};

/// Where the tests look for the server.
pub(crate) const ENDPOINT: &str = "PORTCULLIS_TEST_AWS";

/// Until the server must answer: seconds as a rule, minutes where it makes a world of many accounts first.
const LIMIT: Duration = Duration::from_secs(600);

const NO_PYTHON: &str = "the tests against AWS need Python 3.11 or later with its `venv` module, as `python3`: \
                         install it (on Debian and Ubuntu: `apt install python3-venv`)";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to run with the server; PORTCULLIS_TEST_AWS holds its address, and `python` is the server's own
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let server = Server::start()?;
    let Some((program, rest)) = args.command.split_first() else {
        println!("{}", server.endpoint());
        eprintln!("serving until stopped (Ctrl-C); export {ENDPOINT}={}", server.endpoint());
        return server.serve();
    };
    let mut command = Command::new(program);
    as_from_a_shell(&mut command);
    server.lend_to(&mut command).args(rest);
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(&command)));
    drop(server);
    std::process::exit(status?.code().unwrap_or(1));
}

/// The Python of the tests' environment, made if it is not there.
pub(crate) fn python() -> Result<PathBuf> {
    environment(&Workspace::load()?.target_directory)
}

/// A running server. It ends when this is dropped, and when this process ends without dropping it: its stdin closes then.
pub(crate) struct Server {
    child: Child,
    port: u16,
    python: PathBuf,
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// With further arguments of the server's, e.g. `--many`; see `tests/aws/awslike/__main__.py`.
    pub(crate) fn start_with(more: &[&str]) -> Result<Self> {
        let target = Workspace::load()?.target_directory;
        let python = environment(&target)?;
        // Another program may take the port between our finding it free and the server's taking it.
        let mut tries = (0..3).map(|_| Self::start_on(free_port()?, more, &python, &target));
        let first = tries.next().context("no try")?;
        tries.fold(first, |last, next| last.or(next))
    }

    fn start_on(port: u16, more: &[&str], python: &Path, target: &Path) -> Result<Self> {
        let log = target.join("moto").join(format!("{port}.log"));
        fs::create_dir_all(log.parent().unwrap_or(target))?;
        let output = fs::File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut command = Command::new(python);
        command.arg(root().join("tests/aws/awslike")).args(["--with-stdin", "-p", &port.to_string()]).args(more);
        // Other people's AWS settings must not reach the tests' server; nor may Python write into the sources.
        command.env_remove("MOTO_ACCOUNT_ID").env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        let mut server = Self { child, port, python: python.to_owned() };
        server.wait(&log)?;
        Ok(server)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !answers(self.port) {
            let said = || fs::read_to_string(log).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                bail!("the AWS-like server ended ({status}) before it answered:\n{}", said());
            }
            ensure!(Instant::now() < deadline, "the AWS-like server did not answer within {LIMIT:?}:\n{}", said());
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells a command where the server is, and puts the server's `python`, with boto3, before others.
    pub(crate) fn lend_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let own = self.python.parent().map(Path::to_owned);
        let rest = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&rest))).unwrap_or(rest);
        command.env(ENDPOINT, self.endpoint()).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1")
    }

    fn serve(mut self) -> Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "the AWS-like server ended: {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?.local_addr()?.port())
}

/// Whether a whole answer comes, not only a connection: the first call of all loads half of the server.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /moto-api/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// The Python of an environment with what `tests/aws/requirements.txt` pins, made if it is not there. A copy of that file,
/// written last, says that the environment is whole and which versions it has. That file names all that is needed.
fn environment(target: &Path) -> Result<PathBuf> {
    let folder = target.join("moto");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    // Two runs at once must not make it at once.
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the Python environment's folder")?;

    let wanted = root().join("tests/aws/requirements.txt");
    let pinned = fs::read_to_string(&wanted).with_context(|| format!("cannot read `{}`", wanted.display()))?;
    let (home, whole) = (folder.join("venv"), folder.join("venv/requirements.txt"));
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if fs::read_to_string(&whole).is_ok_and(|have| have == pinned) && quietly(Command::new(&python).arg("--version")) {
        return Ok(python);
    }

    ensure!(
        quietly(
            Command::new("python3").args(["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"])
        ),
        NO_PYTHON
    );
    eprintln!("   making a Python environment for the AWS-like server (a minute, once): {}", home.display());
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove `{}`", home.display()))?;
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&home)).context(NO_PYTHON)?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--no-deps",
        "--requirement",
    ]);
    run_command(install.arg(&wanted)).context("cannot fetch the AWS-like server's packages from PyPI")?;
    fs::write(&whole, pinned)?;
    Ok(python)
}

fn quietly(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
