//! What is at the end of a way: a program of the last node, or what is outside of the network.

use std::net::SocketAddr;
use std::time::Duration;

use nextmini_policy::addresses::AddressBook;
use nextmini_wire::chain::{Destination, Refusal};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::chain::refusal;
use super::ground::Seat;
use crate::outside::Outside;

/// Whoever is connected to has answered by then.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Where connections go from a node.
#[derive(Debug)]
pub struct Target<'a> {
    /// The node.
    pub seat: &'a Seat,
    /// What the network knows.
    pub book: &'a AddressBook,
    /// What it does not.
    pub outside: &'a Outside,
}

impl Target<'_> {
    /// Connects to the destination, which is told of `client` if it is the node's own.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(
        &self,
        destination: &Destination,
        client: Option<SocketAddr>,
    ) -> Result<TcpStream, Refusal> {
        let connecting = async {
            match destination {
                Destination::Address(to) => match self.book.node(to.ip()) {
                    Some(node) if node == self.seat.node.id() => self.seat.room.connect(*to, client).await,
                    // Whoever chose the way takes it for another node's.
                    Some(_) => return Err(Refusal::General),
                    None => self.outside.connect(*to).await,
                },
                Destination::Name(name, port) => self.outside.connect_to_name(name, *port).await,
                // They have no address.
                Destination::Flow(_) => return Err(Refusal::General),
            }
            .map_err(|error| {
                tracing::debug!(%error, ?destination, node = %self.seat.node.id(), "no connection");
                refusal(error)
            })
        };
        timeout(ANSWER_DEADLINE, connecting).await.unwrap_or(Err(Refusal::TimedOut))
    }
}
