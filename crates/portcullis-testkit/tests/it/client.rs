//! A client that shares no code with the kit: one request over a plain socket, as a child process would send it.

use std::io::{Read, Write};
use std::net::TcpStream;

use portcullis_testkit::World;

/// The status and the body of an answer; the error where there was none, or not a whole one.
pub(crate) fn post(world: &World, service: &str, headers: &str, body: &str) -> Result<(u16, String), String> {
    exchange(world, service, &format!("POST / HTTP/1.1\r\n{headers}"), body)
}

pub(crate) fn form(world: &World, service: &str, body: &str) -> Result<(u16, String), String> {
    post(world, service, "Content-Type: application/x-www-form-urlencoded\r\n", body)
}

pub(crate) fn exchange(world: &World, service: &str, head: &str, body: &str) -> Result<(u16, String), String> {
    let env = world.env();
    let address = env["AWS_ENDPOINT_URL"].strip_prefix("http://").unwrap();
    let scope = format!("{}/20260101/{}/{service}/aws4_request", env["AWS_ACCESS_KEY_ID"], env["AWS_REGION"]);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{head}Host: {address}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|e| e.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).unwrap().parse::<usize>().unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    if body.len() == length { Ok((status, body.to_owned())) } else { Err(format!("{} of {length} bytes", body.len())) }
}
