//! The function under cargo-lambda's local runtime, which stands in for Lambda: it queues what it is asked to invoke, and hands
//! it to the function over Lambda's runtime interface.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_testkit::World;
use serde_json::Value;
use tempfile::TempDir;

/// What a function answered: whether it went well, and what it said.
pub(crate) type Answer = (bool, Value);

/// So long a runtime may take to start, and a function to answer.
const LIMIT: Duration = Duration::from_secs(120);

/// A function that runs.
pub(crate) struct Function {
    runtime: Child,
    function: Child,
    port: u16,
    _package: TempDir,
}

impl Function {
    /// Starts the function in an account with these variables.
    pub(crate) fn start(world: &World, variables: &[(&str, &str)]) -> Self {
        let package = package();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut runtime = Command::new("cargo-lambda");
        runtime.args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--quiet", "-A", "127.0.0.1", "-P"]);
        runtime.arg(port.to_string()).current_dir(package.path()).env("CARGO_NET_OFFLINE", "true");
        let runtime = runtime.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let runtime =
            runtime.expect("`cargo-lambda` stands beside the AWS-like server: start the tests with `cargo xtask`");
        let mut function = Command::new(assert_cmd::cargo::cargo_bin!("portcullis-lambda"));
        world.lend_to(function.env_clear()).envs(variables.iter().copied());
        function.env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt"));
        function.env("AWS_LAMBDA_FUNCTION_NAME", "_").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        function.env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST").stdout(Stdio::null());
        await_listener(port);
        let function = function.spawn().unwrap();
        Self { runtime, function, port, _package: package }
    }

    /// Invokes it, as AWS's own API does, and waits for its answer.
    pub(crate) fn call(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!(
            "POST /2015-03-31/functions/_/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.starts_with("HTTP/1.1 200"), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in [&mut self.function, &mut self.runtime] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// cargo-lambda wants a package to name its functions after; nothing of it is built.
fn package() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest = "[package]\nname = \"function\"\nversion = \"0.0.0\"\nedition = \"2021\"\n";
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    folder
}

fn await_listener(port: u16) {
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "cargo-lambda's runtime does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
