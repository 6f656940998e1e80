//! Whether all is well, told over HTTP to whoever asks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// All is well if the queue answered within this time: a receive waits 20 seconds, and storms are answered in between.
const FRESH: i64 = 120;
/// How long somebody may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told.
#[derive(Debug, Default)]
pub(super) struct Health {
    polled: AtomicI64,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Health {
    pub(super) fn polled(&self, at: Timestamp) {
        self.polled.store(at.as_second(), Ordering::Relaxed);
    }

    pub(super) fn answered(&self, done: usize, failed: usize) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.done.fetch_add(count(done), Ordering::Relaxed);
        self.failed.fetch_add(count(failed), Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn answer(&self, now: Timestamp) -> String {
        let polled = self.polled.load(Ordering::Relaxed);
        let (status, word) = match polled {
            0 => ("503 Service Unavailable", "starting"),
            polled if now.as_second() - polled > FRESH => ("503 Service Unavailable", "stale"),
            _ => ("200 OK", "ok"),
        };
        let last = Timestamp::from_second(polled).ok().filter(|_| polled > 0).map(|at| at.to_string());
        let body = serde_json::json!({
            "status": word,
            "last_poll": last,
            "messages_done": self.done.load(Ordering::Relaxed),
            "messages_failed": self.failed.load(Ordering::Relaxed),
        });
        let body = body.to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }
}

/// Listens, and answers on a thread of its own, however long the work in hand takes; the address that it listens on.
pub(super) fn serve(address: SocketAddr, health: Arc<Health>) -> io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let bound = listener.local_addr()?;
    thread::Builder::new().name("health".to_owned()).spawn(move || runtime.block_on(answer_all(&listener, &health)))?;
    Ok(bound)
}

async fn answer_all(listener: &TcpListener, health: &Arc<Health>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let health = Arc::clone(health);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, reply(stream, &health)).await;
        });
    }
}

/// Whatever is asked, there is one thing to tell.
async fn reply(mut stream: TcpStream, health: &Health) -> io::Result<()> {
    let mut asked = [0; 1024];
    let _ = stream.read(&mut asked).await?;
    stream.write_all(health.answer(Timestamp::now()).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_well_while_the_queue_answers() {
        let (health, now) = (Health::default(), Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1));
        assert!(health.answer(now).starts_with("HTTP/1.1 503") && health.answer(now).contains("starting"));
        health.polled(now);
        health.answered(3, 1);
        assert!(health.answer(now).starts_with("HTTP/1.1 200") && health.answer(now).contains("\"messages_done\":3"));
        let later = now + jiff::SignedDuration::from_mins(3);
        assert!(health.answer(later).contains("stale"));
    }
}
