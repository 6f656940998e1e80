//! The runtime interface of Lambda, as far as a function needs it.
//! Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_testkit::World;
use serde_json::Value;

/// What a function answered: whether it went well, and what it said.
pub(crate) type Answer = (bool, Value);

/// A function that runs.
pub(crate) struct Function {
    child: Child,
    events: Sender<String>,
    answers: Receiver<Answer>,
}

impl Function {
    /// Starts the function in an account with these variables.
    pub(crate) fn start(world: &World, variables: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, waiting) = channel::<String>();
        let (said, answers) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (waiting, said) = (Arc::clone(&waiting), said.clone());
                std::thread::spawn(move || serve(stream, &waiting, &said));
            }
        });
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis-lambda"));
        world.lend_to(command.env_clear()).envs(variables.iter().copied());
        command.env("AWS_LAMBDA_RUNTIME_API", address).env("AWS_LAMBDA_FUNCTION_NAME", "portcullis");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        Self { child, events, answers }
    }

    /// Hands it an event, and waits for its answer.
    pub(crate) fn call(&self, event: &Value) -> Answer {
        self.events.send(event.to_string()).unwrap();
        self.answers.recv_timeout(Duration::from_secs(60)).unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection: request after request.
fn serve(stream: TcpStream, waiting: &Mutex<Receiver<String>>, said: &Sender<Answer>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some((path, body)) = request(&mut reader) {
        let (head, body) = if path.ends_with("/invocation/next") {
            let Ok(event) = waiting.lock().unwrap().recv() else { return };
            let deadline = jiff::Timestamp::now().as_millisecond() + 300_000;
            let head = format!(
                "Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:111122223333:function:portcullis\r\n\
                 Lambda-Runtime-Trace-Id: Root=1\r\nContent-Type: application/json\r\n"
            );
            (head, event)
        } else {
            let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let _ = said.send((path.ends_with("/response"), value));
            (String::new(), "{}".to_owned())
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The path and body of the next request.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}
