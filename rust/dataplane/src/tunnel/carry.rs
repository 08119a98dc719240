//! Between a program's connection and an end of a tunnel.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use nextmini_sys::socket::{Ending, end_sending, set_ending};
use nextmini_wire::tunnel::{HEADER_BYTES, Record, data_header};
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::end::{End, EndError};

/// Bytes that an end may send before the other has passed them on to its program.
pub const CREDIT: u64 = 4 << 20;
/// Bytes that are taken from a program at once.
const PIECE: usize = 64 * 1024 - HEADER_BYTES;
/// Bytes that wait for the peer's acknowledgement at most; the program waits then.
const MOST_HELD: usize = 8 << 20;

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub enum CarryError {
    /// The tunnel did.
    #[error(transparent)]
    End(#[from] EndError),
    /// The connection here broke.
    #[error("its connection broke ({0})")]
    Io(#[from] io::Error),
    /// The connection at the other end did.
    #[error("its connection at the other end broke")]
    Reset,
    /// The peer says what is not its turn.
    #[error("its other end does not keep to the order")]
    Order,
}

/// Carries everything both ways until both sides have ended. If one breaks, both programs hear of it.
///
/// # Errors
/// See [`CarryError`].
pub async fn carry(stream: TcpStream, end: &mut End) -> Result<(), CarryError> {
    // If the process dies, the program is not to take it for the end.
    set_ending(&stream, Ending::Reset)?;
    let mut carrying = Carrying {
        stream: &stream,
        end,
        waiting: VecDeque::new(),
        credit: CREDIT,
        owed: 0,
        reading: true,
        peer: Peer::Sends,
    };
    let outcome = carrying.run().await;
    match &outcome {
        Ok(()) => set_ending(&stream, Ending::Orderly)?,
        // Not to somebody who is gone.
        Err(CarryError::Io(_) | CarryError::Order) => end.say(&Record::Reset)?,
        Err(_) => {}
    }
    drop(stream);
    outcome
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// More may come.
    Sends,
    /// Nothing more comes, and the program is to be told.
    Ended,
    /// It was told.
    Told,
}

struct Carrying<'a> {
    stream: &'a TcpStream,
    end: &'a mut End,
    /// For the program.
    waiting: VecDeque<Bytes>,
    /// Bytes that the peer takes.
    credit: u64,
    /// Bytes that the program has taken and the peer does not know of.
    owed: u64,
    /// Whether the program may send more.
    reading: bool,
    peer: Peer,
}

impl Carrying<'_> {
    async fn run(&mut self) -> Result<(), CarryError> {
        loop {
            self.sort()?;
            self.write()?;
            self.read()?;
            if !self.reading && self.peer == Peer::Told {
                return Ok(());
            }
            let interest = self.interest().map(|interest| (self.stream, interest));
            self.end.turn(interest).await?;
        }
    }

    fn sort(&mut self) -> Result<(), CarryError> {
        for record in self.end.take() {
            match record {
                Record::Data(bytes) if self.peer == Peer::Sends => self.waiting.push_back(bytes),
                Record::Grant(bytes) => self.credit += u64::from(bytes),
                Record::End if self.peer == Peer::Sends => self.peer = Peer::Ended,
                Record::Reset => return Err(CarryError::Reset),
                Record::Data(_) | Record::End | Record::Opening(_) | Record::Answer(_) => {
                    return Err(CarryError::Order);
                }
            }
        }
        Ok(())
    }

    /// Gives the program what it takes.
    fn write(&mut self) -> Result<(), CarryError> {
        while let Some(first) = self.waiting.front_mut() {
            match self.stream.try_write(first) {
                Ok(bytes) => {
                    first.advance(bytes);
                    self.owed += bytes as u64;
                    if first.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if self.peer == Peer::Sends && self.owed >= CREDIT / 4 {
            // As much as fits into a record; what is left is owed.
            let grant = u32::try_from(self.owed).unwrap_or(u32::MAX);
            self.end.say(&Record::Grant(grant))?;
            self.owed -= u64::from(grant);
        }
        if self.peer == Peer::Ended && self.waiting.is_empty() {
            end_sending(self.stream)?;
            self.peer = Peer::Told;
        }
        Ok(())
    }

    /// Takes what the program has to send.
    fn read(&mut self) -> Result<(), CarryError> {
        while self.may_read() {
            let most = usize::try_from(self.credit).unwrap_or(usize::MAX).min(PIECE);
            let mut piece = BytesMut::with_capacity(HEADER_BYTES + most);
            piece.resize(HEADER_BYTES + most, 0);
            match self.stream.try_read(&mut piece[HEADER_BYTES..]) {
                Ok(0) => {
                    self.reading = false;
                    self.end.say(&Record::End)?;
                }
                Ok(bytes) => {
                    piece[..HEADER_BYTES].copy_from_slice(&data_header(bytes as u32));
                    piece.truncate(HEADER_BYTES + bytes);
                    self.end.write(piece.freeze());
                    self.credit -= bytes as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn may_read(&self) -> bool {
        self.reading && self.credit > 0 && self.end.held() < MOST_HELD
    }

    fn interest(&self) -> Option<Interest> {
        let read = self.may_read().then_some(Interest::READABLE);
        let write = (!self.waiting.is_empty()).then_some(Interest::WRITABLE);
        match (read, write) {
            (Some(read), Some(write)) => Some(read | write),
            (one, other) => one.or(other),
        }
    }
}
