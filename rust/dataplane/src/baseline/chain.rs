//! The same bytes over bare TCP: a chain of threads that copy from one connection to the next.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nextmini_sys::socket::LinkSocket;

use super::BaselineError;
use crate::clock;

/// What a relay moves at once at most, in bytes; as much as a link's writer does.
const BUFFER: usize = 256 * 1024;
const CONGESTION: &str = "cubic";
const PATIENCE: Duration = Duration::from_secs(20);

/// Throughput, in Gbit/s, of a chain of `relays` threads that copy from one loopback TCP connection to
/// the next for `seconds`; 0 relays are a direct connection.
///
/// # Errors
/// See [`BaselineError`].
pub fn relay_chain(relays: usize, seconds: f64) -> Result<f64, BaselineError> {
    let mut threads: Vec<JoinHandle<io::Result<()>>> = Vec::new();
    let (first, mut incoming) = connected_pair()?;
    for number in 0..relays {
        let (outgoing, next) = connected_pair()?;
        let name = format!("relay-{}", number + 1);
        threads.push(thread::Builder::new().name(name).spawn(move || copy(incoming, outgoing))?);
        incoming = next;
    }
    let enough = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&enough);
    threads.push(thread::Builder::new().name("source".to_owned()).spawn(move || send(first, &seen))?);
    let rate = receive(incoming, Duration::from_secs_f64(seconds.clamp(0.01, 3_600.0)), &enough)?;
    for thread in threads {
        thread.join().map_err(|_| BaselineError::Panic)??;
    }
    Ok(rate)
}

fn connected_pair() -> Result<(TcpStream, TcpStream), BaselineError> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let outgoing = TcpStream::connect(listener.local_addr()?)?;
    let (incoming, _) = listener.accept()?;
    let options = LinkSocket { congestion: CONGESTION, buffer: BUFFER, patience: PATIENCE };
    options.apply(&outgoing)?;
    options.apply(&incoming)?;
    Ok((outgoing, incoming))
}

fn send(mut to: TcpStream, enough: &AtomicBool) -> io::Result<()> {
    let buffer = vec![0_u8; BUFFER];
    while !enough.load(Ordering::Relaxed) {
        to.write_all(&buffer)?;
    }
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0_u8; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => to.write_all(&buffer[..length])?,
        }
    }
}

/// Counts what arrives in `wanted` after a tenth of it has passed, then lets the source end.
fn receive(mut from: TcpStream, wanted: Duration, enough: &AtomicBool) -> io::Result<f64> {
    let mut buffer = vec![0_u8; BUFFER];
    let warm = clock::now() + wanted / 10;
    while clock::now() < warm {
        if from.read(&mut buffer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let began = clock::now();
    let (mut bytes, mut took) = (0_u64, Duration::ZERO);
    while took < wanted {
        bytes += from.read(&mut buffer)? as u64;
        took = clock::now().since(began);
    }
    enough.store(true, Ordering::Relaxed);
    while from.read(&mut buffer)? > 0 {}
    Ok(bytes as f64 * 8.0 / took.as_secs_f64() / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_through_chains_of_any_length() {
        for relays in [0, 1, 3] {
            let rate = relay_chain(relays, 0.05).unwrap();
            assert!(rate > 0.0, "{relays} relays: {rate}");
        }
    }
}
