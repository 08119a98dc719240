//! The same bytes over bare TCP: a chain of threads that copy, or splice, from one connection to the next.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nextmini_sys::pipe::pass_all;
use nextmini_sys::socket::{ChainSocket, LinkSocket};

use super::BaselineError;
use crate::clock;

/// What a relay moves at once at most, in bytes; as much as a link's writer does.
const BUFFER: usize = 256 * 1024;
const CONGESTION: &str = "cubic";
const PATIENCE: Duration = Duration::from_secs(20);

/// How a relay moves bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaying {
    /// Through memory of its own, between sockets as links have them.
    Copy,
    /// Through a pipe of so many bytes, between sockets as flows in max mode have them.
    Splice {
        /// Bytes.
        pipe: usize,
    },
}

/// Throughput, in Gbit/s, of a chain of `relays` threads from one loopback TCP connection to the next for `seconds`; 0
/// relays are a direct connection.
///
/// # Errors
/// See [`BaselineError`].
pub fn relay_chain(relays: usize, seconds: f64, relaying: Relaying) -> Result<f64, BaselineError> {
    let mut threads: Vec<JoinHandle<io::Result<()>>> = Vec::new();
    let (first, mut incoming) = connected_pair(relaying)?;
    for number in 0..relays {
        let (outgoing, next) = connected_pair(relaying)?;
        let name = format!("relay-{}", number + 1);
        let relay = move || match relaying {
            Relaying::Copy => copy(incoming, outgoing),
            Relaying::Splice { pipe } => pass_all(incoming, outgoing, pipe),
        };
        threads.push(thread::Builder::new().name(name).spawn(relay)?);
        incoming = next;
    }
    let rate = source_to_sink(first, incoming, seconds)?;
    for thread in threads {
        thread.join().map_err(|_| BaselineError::Panic)??;
    }
    Ok(rate)
}

/// Throughput, in Gbit/s, of what others have between `entrance` and `exit` for `seconds`: with the ends of
/// [`relay_chain`], whose sockets are those of flows in max mode, and one connection.
///
/// # Errors
/// See [`BaselineError`].
pub fn between(entrance: SocketAddr, exit: &TcpListener, seconds: f64) -> Result<f64, BaselineError> {
    let ends = ChainSocket { congestion: CONGESTION };
    let first = TcpStream::connect(entrance)?;
    ends.apply(&first)?;
    let (last, _) = exit.accept()?;
    ends.apply(&last)?;
    source_to_sink(first, last, seconds)
}

fn source_to_sink(first: TcpStream, last: TcpStream, seconds: f64) -> Result<f64, BaselineError> {
    let enough = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&enough);
    let source = thread::Builder::new().name("source".to_owned()).spawn(move || send(first, &seen))?;
    let rate = receive(last, Duration::from_secs_f64(seconds.clamp(0.01, 3_600.0)), &enough)?;
    source.join().map_err(|_| BaselineError::Panic)??;
    Ok(rate)
}

fn connected_pair(relaying: Relaying) -> Result<(TcpStream, TcpStream), BaselineError> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let outgoing = TcpStream::connect(listener.local_addr()?)?;
    let (incoming, _) = listener.accept()?;
    for end in [&outgoing, &incoming] {
        match relaying {
            Relaying::Copy => {
                LinkSocket { congestion: CONGESTION, buffer: Some(BUFFER), patience: PATIENCE }.apply(end)?;
            }
            Relaying::Splice { .. } => ChainSocket { congestion: CONGESTION }.apply(end)?,
        }
    }
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
        for relaying in [Relaying::Copy, Relaying::Splice { pipe: 512 * 1024 }] {
            for relays in [0, 1, 3] {
                let rate = relay_chain(relays, 0.05, relaying).unwrap();
                assert!(rate > 0.0, "{relays} relays: {rate}");
            }
        }
    }

    #[test]
    fn what_others_have_between_two_places_is_measured() {
        let exit = TcpListener::bind("127.0.0.1:0").unwrap();
        let rate = between(exit.local_addr().unwrap(), &exit, 0.05).unwrap();
        assert!(rate > 0.0, "{rate}");
    }

    #[test]
    fn nobody_at_the_entrance_is_an_error() {
        let exit = TcpListener::bind("127.0.0.1:0").unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(between(gone, &exit, 0.05), Err(BaselineError::Io(_))));
    }
}
