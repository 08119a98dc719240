//! Tunnels: connections of programs that two lossless sessions carry, one each way.
//!
//! Both streams are records. The first one of the opener's stream is an [`Opening`], the first one of the other an
//! [`Answer`]:
//!
//! ```text
//! record: kind (1), number (4, big-endian), for some kinds so many bytes
//! ```

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::chain::{self, Answer, LENGTH_BYTES, LONGEST, Opening};
use crate::id::FlowId;

/// Bytes of a record before its data.
pub const HEADER_BYTES: usize = 5;

const OPENING: u8 = 1;
const ANSWER: u8 = 2;
const DATA: u8 = 3;
const GRANT: u8 = 4;
const END: u8 = 5;
const RESET: u8 = 6;

/// Flows of the controller have smaller numbers.
const TUNNELS: u32 = 1 << 31;
const ACCEPTER: u32 = 1 << 30;

/// Who of the two it was that opened a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one whose client it is.
    Opener,
    /// The other.
    Accepter,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Opener => Self::Accepter,
            Self::Accepter => Self::Opener,
        }
    }
}

/// One of the streams of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId {
    /// The opener's number for the tunnel, of which the upper two bits do not count.
    pub number: u32,
    /// Who sends.
    pub sender: Side,
}

impl StreamId {
    /// The session that carries it.
    pub fn flow(self) -> FlowId {
        let sender = if self.sender == Side::Accepter { ACCEPTER } else { 0 };
        FlowId(TUNNELS | sender | self.number & (ACCEPTER - 1))
    }

    /// The stream that this session carries, if it is one of a tunnel.
    pub fn of(flow: FlowId) -> Option<Self> {
        let sender = if flow.0 & ACCEPTER == 0 { Side::Opener } else { Side::Accepter };
        (flow.0 & TUNNELS != 0).then_some(Self { number: flow.0 & (ACCEPTER - 1), sender })
    }
}

/// A record, or a piece of one with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What is wanted.
    Opening(Opening),
    /// Whether there is a connection.
    Answer(Answer),
    /// What the program sent.
    Data(Bytes),
    /// Its peer may send so many bytes more.
    Grant(u32),
    /// It sends nothing more.
    End,
    /// Its connection broke.
    Reset,
}

/// What is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TunnelError {
    /// Of no kind that there is.
    #[error("a record of kind {0}")]
    Kind(u8),
    /// Longer than it can be.
    #[error("a first record of {0} bytes")]
    Length(u32),
    /// It makes no sense.
    #[error(transparent)]
    First(#[from] chain::ChainError),
}

/// The header of a record with so many bytes of data.
pub fn data_header(bytes: u32) -> [u8; HEADER_BYTES] {
    header(DATA, bytes)
}

fn header(kind: u8, number: u32) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = number.to_be_bytes();
    [kind, a, b, c, d]
}

impl Record {
    /// Its bytes; data are better written after [`data_header`], where they are.
    ///
    /// # Errors
    /// An opening with a name that is none.
    pub fn encode(&self) -> Result<Bytes, chain::ChainError> {
        let (kind, bytes) = match self {
            Self::Opening(opening) => (OPENING, opening.encode()?.split_off(LENGTH_BYTES).into()),
            Self::Answer(answer) => (ANSWER, chain::encode_answer(*answer).split_off(LENGTH_BYTES).into()),
            Self::Data(bytes) => (DATA, bytes.clone()),
            Self::Grant(bytes) => return Ok(Bytes::copy_from_slice(&header(GRANT, *bytes))),
            Self::End => return Ok(Bytes::copy_from_slice(&header(END, 0))),
            Self::Reset => return Ok(Bytes::copy_from_slice(&header(RESET, 0))),
        };
        let mut record = BytesMut::from(&header(kind, bytes.len() as u32)[..]);
        record.extend_from_slice(&bytes);
        Ok(record.freeze())
    }
}

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub struct Reader {
    header: [u8; HEADER_BYTES],
    /// Bytes of the header that are there.
    held: usize,
    /// Bytes of the record that are not.
    left: usize,
    first: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes of the stream, and gives `take` what they complete. Data are given as they come.
    ///
    /// # Errors
    /// See [`TunnelError`]. There is no going on then.
    pub fn read(&mut self, mut bytes: Bytes, mut take: impl FnMut(Record)) -> Result<(), TunnelError> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let piece = bytes.split_to(self.left.min(bytes.len()));
                self.left -= piece.len();
                if let Some(record) = self.part(piece)? {
                    take(record);
                }
                continue;
            }
            let wanted = bytes.split_to((HEADER_BYTES - self.held).min(bytes.len()));
            self.header[self.held..self.held + wanted.len()].copy_from_slice(&wanted);
            self.held += wanted.len();
            if self.held == HEADER_BYTES {
                self.held = 0;
                if let Some(record) = self.begin()? {
                    take(record);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<Option<Record>, TunnelError> {
        let [kind, number @ ..] = self.header;
        let number = u32::from_be_bytes(number);
        match kind {
            DATA => self.left = number as usize,
            OPENING | ANSWER if (1..=LONGEST as u32).contains(&number) => self.left = number as usize,
            OPENING | ANSWER => return Err(TunnelError::Length(number)),
            GRANT => return Ok(Some(Record::Grant(number))),
            END => return Ok(Some(Record::End)),
            RESET => return Ok(Some(Record::Reset)),
            other => return Err(TunnelError::Kind(other)),
        }
        Ok(None)
    }

    fn part(&mut self, piece: Bytes) -> Result<Option<Record>, TunnelError> {
        if self.header[0] == DATA {
            return Ok(Some(Record::Data(piece)));
        }
        self.first.extend_from_slice(&piece);
        if self.left > 0 {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.first);
        Ok(Some(match self.header[0] {
            OPENING => Record::Opening(Opening::decode(&whole)?),
            _ => Record::Answer(chain::decode_answer(&whole)?),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::{Destination, Refusal};
    use crate::id::RouteId;

    fn all() -> Vec<Record> {
        let destination = Destination::Name("server".to_owned(), 80);
        let opening =
            Opening { route: RouteId(0), position: 0, label: 0, class: 0, client: None, destination };
        vec![
            Record::Opening(opening),
            Record::Answer(Ok(Some("10.0.0.1:4000".parse().unwrap()))),
            Record::Answer(Err(Refusal::ConnectionRefused)),
            Record::Data(Bytes::from_static(b"question")),
            Record::Grant(65_536),
            Record::Data(Bytes::new()),
            Record::End,
            Record::Reset,
        ]
    }

    fn stream(records: &[Record]) -> Vec<u8> {
        records.iter().flat_map(|record| record.encode().unwrap()).collect()
    }

    /// What comes out, with pieces of data joined again.
    fn read(pieces: &[&[u8]]) -> Result<Vec<Record>, TunnelError> {
        let (mut reader, mut records) = (Reader::default(), Vec::<Record>::new());
        for piece in pieces {
            reader.read(Bytes::copy_from_slice(piece), |record| match (records.last_mut(), record) {
                (Some(Record::Data(before)), Record::Data(more)) => {
                    *before = [&before[..], &more].concat().into();
                }
                (_, record) => records.push(record),
            })?;
        }
        Ok(records)
    }

    #[test]
    fn records_are_read_however_they_come() {
        let expected: Vec<_> =
            all().into_iter().filter(|record| *record != Record::Data(Bytes::new())).collect();
        let bytes = stream(&all());
        assert_eq!(read(&[&bytes]).unwrap(), expected);
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(read(&single).unwrap(), expected);
    }

    #[test]
    fn what_is_no_record_ends_the_stream() {
        assert_eq!(read(&[&[9, 0, 0, 0, 0]]), Err(TunnelError::Kind(9)));
        assert_eq!(read(&[&[1, 0, 0, 2, 1]]), Err(TunnelError::Length(513)));
        assert_eq!(read(&[&[2, 0, 0, 0, 0]]), Err(TunnelError::Length(0)));
        assert!(matches!(read(&[&[1, 0, 0, 0, 1, 9]]), Err(TunnelError::First(_))));
    }

    #[test]
    fn streams_of_tunnels_are_not_flows_of_the_controller() {
        assert_eq!(StreamId::of(FlowId(77)), None);
        for sender in [Side::Opener, Side::Accepter] {
            for number in [0, 77, (1 << 30) - 1] {
                let id = StreamId { number, sender };
                assert_eq!(StreamId::of(id.flow()), Some(id));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000), at in 0_usize..2_000) {
            let at = at.min(bytes.len());
            let (whole, parts) = (read(&[&bytes]), read(&[&bytes[..at], &bytes[at..]]));
            prop_assert_eq!(whole, parts);
        }
    }
}
