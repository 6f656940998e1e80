//! A proxy in front of the server: it injects faults by a script, delays every call if asked, and writes all down.

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{self, Message};

mod accounts;
mod call;
mod fault;
mod pages;

pub use call::Call;
pub use fault::{Fault, When};

/// A running proxy. It ends when it is dropped, and with it every call that it holds back.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    upstream: String,
    began: Instant,
    state: Mutex<State>,
    /// Wakes whoever waits for calls.
    arrived: Condvar,
    /// Wakes whoever is held back. Not the same as above: a call that arrives would wake the hundred that are held back.
    ending: Condvar,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    script: Vec<Step>,
    log: Vec<Call>,
    accounts: HashMap<String, String>,
    /// Answers by what was asked; `None` while they are not kept.
    kept: Option<HashMap<String, Message>>,
}

#[derive(Debug)]
struct Step {
    when: When,
    fault: Fault,
    /// How many calls have matched so far.
    seen: usize,
    /// The pages that are given out again and again, by list.
    pages: HashMap<String, Message>,
}

impl Proxy {
    /// Stands in front of a server, e.g. [`World::endpoint`](crate::World::endpoint).
    ///
    /// # Panics
    /// Where no loopback port is free.
    #[must_use]
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("no free loopback port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let inner = Arc::new(Inner {
            upstream: http::address(upstream).to_owned(),
            began: Instant::now(),
            state: Mutex::default(),
            arrived: Condvar::new(),
            ending: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.converse(stream));
            }
        });
        Self { port, inner }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds a line to the script. Of several that match a call the first with calls left is taken.
    pub fn inject(&self, when: When, fault: Fault) {
        self.inner.lock().script.push(Step { when, fault, seen: 0, pages: HashMap::new() });
    }

    /// Lets every call through from now on.
    pub fn clear(&self) {
        self.inner.lock().script.clear();
    }

    /// Makes every call take this much longer, as a far Region does.
    pub fn delay(&self, delay: Duration) {
        self.inner.lock().delay = delay;
    }

    /// Answers a call that only reads as the same call was answered before, from memory: for benchmarks, where the server
    /// would be the slowest part. What changes meanwhile on the server is not seen.
    pub fn replay(&self) {
        self.inner.lock().kept.get_or_insert_default();
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.inner.lock().log.clear();
    }

    /// Every call so far, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.lock().log.clone()
    }

    /// How many calls of an action have arrived.
    #[must_use]
    pub fn count(&self, action: &str) -> usize {
        self.inner.lock().log.iter().filter(|c| c.action == action).count()
    }

    /// The calls that change something: all but those of actions that only read.
    #[must_use]
    pub fn changes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::changes_something).collect()
    }

    /// Waits until so many calls of an action have arrived: for tests that kill a process at a certain point.
    ///
    /// # Panics
    /// After a minute.
    pub fn await_calls(&self, action: &str, count: usize) {
        let enough = |state: &mut State| state.log.iter().filter(|c| c.action == action).count() < count;
        let limit = Duration::from_secs(60);
        let waited = self.inner.arrived.wait_timeout_while(self.inner.lock(), limit, enough);
        let in_vain = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!in_vain, "no {count} calls of {action} within a minute");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Taking the lock keeps the wake-up from falling between a sleeper's look and its sleep.
        let state = self.inner.lock();
        self.inner.ended.store(true, Ordering::Relaxed);
        drop(state);
        self.inner.ending.notify_all();
        // The listener looks at the flag only when somebody connects.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One client's connection, call after call.
    fn converse(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut stream = BufReader::new(stream);
        while let Ok(Some(request)) = Message::request(&mut stream) {
            let closing = request.wants_close();
            if !self.answer(&request, stream.get_mut()) || closing {
                let _ = stream.get_ref().shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Answers one call; whether the connection may go on.
    fn answer(&self, request: &Message, stream: &mut TcpStream) -> bool {
        let mut call = Call::of(request, self.began.elapsed());
        call.account = self.account(request);
        let (place, fault, delay) = self.record(call.clone());
        if !self.hold(delay) {
            return false;
        }
        let reply = match fault {
            None => self.ask(request, &call),
            Some((_, Fault::Slow(by))) if self.hold(by) => request.send(&self.upstream),
            Some((_, Fault::Never | Fault::Slow(_))) => {
                self.hold(Duration::MAX);
                return false;
            }
            Some((_, Fault::Reset)) => {
                reset(stream);
                return false;
            }
            Some((_, Fault::Lost)) => {
                let _ = request.send(&self.upstream);
                reset(stream);
                return false;
            }
            Some((_, Fault::Truncated)) => {
                if let Ok(answer) = request.send(&self.upstream) {
                    let whole = answer.bytes(Some(answer.body.len()));
                    let _ = stream.write_all(whole.get(..whole.len() - answer.body.len() / 2 - 1).unwrap_or_default());
                }
                return false;
            }
            Some((step, Fault::SamePage)) => self.same_page(step, request, &call),
            Some((_, Fault::Elsewhere(region))) if region == call.region => request.send(&self.upstream),
            Some((_, refusal)) => Ok(refusal.refusal(&call)),
        };
        let Ok(reply) = reply else { return false };
        self.done(place, reply.status());
        let length =
            (request.word(0) != "HEAD" || reply.header("content-length").is_none()).then_some(reply.body.len());
        stream.write_all(&reply.bytes(length)).is_ok()
    }

    /// The server's answer, or the one that it gave before.
    fn ask(&self, request: &Message, call: &Call) -> std::io::Result<Message> {
        if call.changes_something() || self.lock().kept.is_none() {
            return request.send(&self.upstream);
        }
        let asked =
            [&call.account, &call.region, &call.service, &call.action, &call.path, &call.body].map(String::as_str);
        let asked = asked.join("\n");
        if let Some(answer) = self.lock().kept.as_ref().and_then(|kept| kept.get(&asked)) {
            return Ok(answer.clone());
        }
        let answer = request.send(&self.upstream)?;
        if let Some(kept) = self.lock().kept.as_mut().filter(|_| answer.status() == 200) {
            kept.insert(asked, answer.clone());
        }
        Ok(answer)
    }

    /// Writes a call down; its place in the log, what the script says of it, and the delay of every call.
    fn record(&self, mut call: Call) -> (usize, Option<(usize, Fault)>, Duration) {
        let mut state = self.lock();
        let found = state.script.iter_mut().enumerate().find_map(|(i, step)| {
            if !step.when.matches(&call) {
                return None;
            }
            step.seen += 1;
            step.when.is_due(step.seen).then(|| (i, step.fault.clone()))
        });
        call.fault = found.as_ref().map(|(_, fault)| fault.clone());
        state.log.push(call);
        let (place, delay) = (state.log.len() - 1, state.delay);
        drop(state);
        self.arrived.notify_all();
        (place, found, delay)
    }

    fn done(&self, place: usize, status: u16) {
        let took = self.began.elapsed();
        if let Some(call) = self.lock().log.get_mut(place) {
            call.status = status;
            call.took = took.saturating_sub(call.at);
        }
    }

    /// Waits; whether the proxy still stands.
    fn hold(&self, by: Duration) -> bool {
        if !by.is_zero() {
            let standing = |_: &mut State| !self.ended.load(Ordering::Relaxed);
            let _ = self.ending.wait_timeout_while(self.lock(), by, standing);
        }
        !self.ended.load(Ordering::Relaxed)
    }
}

/// Ends the connection without an answer. (A true RST wants a socket option that the standard library keeps unstable; to a
/// client that waits for an answer both are a broken connection.)
fn reset(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}
