//! How the connection of a link is to be set.

use std::sync::Arc;

use nextmini_wire::control;

/// How packets travel that no session sends again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreliable {
    /// As everything does.
    #[default]
    Streams,
    /// In QUIC datagrams (RFC 9221), as far as they fit.
    Datagrams,
}

/// What a link asks of its connection.
#[derive(Clone, Debug)]
pub struct Carriage {
    /// Congestion control.
    pub congestion: Arc<str>,
    /// Of QUIC connections only.
    pub unreliable: Unreliable,
    /// Whether it goes to another site: its round trips are watched, and how much it has under way is up to the path.
    pub apart: bool,
}

impl Carriage {
    /// What `row` asks for.
    pub fn of(row: &control::Link) -> Self {
        let unreliable = if row.datagrams { Unreliable::Datagrams } else { Unreliable::Streams };
        Self { congestion: row.congestion.as_str().into(), unreliable, apart: row.apart }
    }
}

impl Default for Carriage {
    fn default() -> Self {
        Self { congestion: "cubic".into(), unreliable: Unreliable::default(), apart: false }
    }
}
