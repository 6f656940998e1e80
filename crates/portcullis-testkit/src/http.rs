//! As much of HTTP/1.1 as an AWS client and the AWS-like server say to each other over loopback.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The start line, the headers in their order, and the whole body, with chunks put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) start: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn new(start: String, body: impl Into<Vec<u8>>) -> Self {
        Self { start, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn says(&self, name: &str, what: &str) -> bool {
        self.header(name).is_some_and(|v| v.to_ascii_lowercase().contains(what))
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The nth word of the start line: method and target of a request, version and status of an answer.
    pub(crate) fn word(&self, n: usize) -> &str {
        self.start.split_whitespace().nth(n).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn wants_close(&self) -> bool {
        self.says("connection", "close")
    }

    /// Reads a request; `None` when the client has hung up.
    pub(crate) fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let Some(mut message) = Self::head(stream)? else { return Ok(None) };
        if message.says("expect", "100-continue") {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            message.remove("expect");
        }
        message.read_body(stream, false)?;
        Ok(Some(message))
    }

    /// Reads the answer to a request with this method.
    fn answer(stream: &mut BufReader<TcpStream>, method: &str) -> io::Result<Self> {
        loop {
            let mut message = Self::head(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match message.status() {
                100..=199 => {}
                204 | 304 => return Ok(message),
                _ if method == "HEAD" => return Ok(message),
                _ => {
                    message.read_body(stream, true)?;
                    return Ok(message);
                }
            }
        }
    }

    fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let Some(start) = line(stream)? else { return Ok(None) };
        let mut headers = Vec::new();
        while let Some(text) = line(stream)?.filter(|l| !l.is_empty()) {
            let (name, value) = text.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        Ok(Some(Self { start, headers, body: Vec::new() }))
    }

    fn read_body(&mut self, stream: &mut BufReader<TcpStream>, until_close: bool) -> io::Result<()> {
        if self.says("transfer-encoding", "chunked") {
            self.remove("transfer-encoding");
            self.body = chunks(stream)?;
        } else if let Some(length) = self.header("content-length").and_then(|l| l.parse().ok()) {
            self.body = vec![0; length];
            stream.read_exact(&mut self.body)?;
        } else if until_close {
            stream.read_to_end(&mut self.body)?;
        }
        Ok(())
    }

    /// The message as bytes, with the body's length; `None` keeps the length that is there (an answer to HEAD).
    pub(crate) fn bytes(&self, length: Option<usize>) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            if length.is_none() || !name.eq_ignore_ascii_case("content-length") {
                out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        if let Some(length) = length {
            out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// Sends this request on a connection of its own, and reads the answer.
    pub(crate) fn send(&self, address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        // Only a defect of the server can take this long; a test should then fail rather than hang.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        let mut request = self.clone();
        request.remove("connection");
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(&request.with("Connection", "close").bytes(Some(self.body.len())))?;
        let mut answer = Self::answer(&mut stream, self.word(0))?;
        answer.remove("connection");
        Ok(answer)
    }
}

/// A line without its end; `None` at the end of the stream.
fn line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    if stream.read_line(&mut text)? == 0 {
        return Ok(None);
    }
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let head = line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size == 0 {
            while line(stream)?.is_some_and(|l| !l.is_empty()) {}
            return Ok(body);
        }
        stream.by_ref().take(size).read_to_end(&mut body)?;
        line(stream)?;
    }
}

/// The host and port of an endpoint, e.g. `127.0.0.1:5000` of `http://127.0.0.1:5000/`.
pub(crate) fn address(endpoint: &str) -> &str {
    endpoint.trim_start_matches("http://").trim_end_matches('/')
}

/// `application/x-www-form-urlencoded`, as Query services read it.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// The inverse of [`encode`]; what is no escape stays.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
