//! SOCKS 5 entrances of nodes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nextmini_sys::tcp::set_local;
use nextmini_wire::chain::Refusal;
use nextmini_wire::control::SocksMode;
use nextmini_wire::credential::Users;
use nextmini_wire::id::NodeId;
use nextmini_wire::socks::Reply;
use nextmini_wire::tunnel::Record;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::talk::{self, TalkError};
use crate::max::chain::{ChainError, Chains, watched};
use crate::max::enter::{Client, Trip};
use crate::max::relay::Carried;
use crate::tunnel::carry::{CarryError, carry};
use crate::tunnel::open::Tunnels;

/// A client has said what it wants by then.
const DEADLINE: Duration = Duration::from_secs(10);

/// An entrance.
#[derive(Debug)]
pub struct Entrance {
    /// The node that connections start at.
    pub node: NodeId,
    /// Where they go on to what is not in the network.
    pub exit: Option<NodeId>,
    /// Who may use it.
    pub users: Users,
    /// How they are carried.
    pub mode: SocksMode,
    /// What carries those in max mode.
    pub chains: Arc<Chains>,
    /// What carries others.
    pub tunnels: Arc<Tunnels>,
}

/// Why a client was not served to its end.
#[derive(Debug, Error)]
enum ServeError {
    #[error(transparent)]
    Talk(#[from] TalkError),
    #[error("there is no connection: {0}")]
    Refused(Refusal),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Tunnel(#[from] CarryError),
    #[error("its connection broke ({0})")]
    Io(#[from] io::Error),
}

impl Entrance {
    /// Serves a client from its greeting to the end of its connection.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        if let Err(error) = self.carry(stream, client).await {
            tracing::debug!(%error, node = %self.node, %client, "a SOCKS client");
        }
    }

    async fn carry(&self, mut stream: TcpStream, client: SocketAddr) -> Result<(), ServeError> {
        set_local(&stream)?;
        let target = talk::hear(&mut stream, &self.users, DEADLINE).await?;
        match self.chains.plan(self.node, Client::Of(client), &target, self.exit) {
            Err(refusal) => refuse(stream, refusal).await,
            // Where there is no link to cross there is nothing to be true to.
            Ok(trip) if self.mode == SocksMode::Max || trip.stays() => self.splice(stream, trip).await,
            Ok(trip) => self.tunnel(stream, trip).await,
        }
    }

    async fn splice(&self, mut stream: TcpStream, trip: Trip) -> Result<(), ServeError> {
        match self.chains.enter(trip).await {
            Ok(opened) => {
                succeed(&mut stream, opened.bound).await?;
                Ok(self.chains.join(watched(stream)?, opened, &Carried::default()).await?)
            }
            Err(refusal) => refuse(stream, refusal).await,
        }
    }

    async fn tunnel(&self, mut stream: TcpStream, trip: Trip) -> Result<(), ServeError> {
        match self.tunnels.open(trip).await {
            Ok((mut end, bound)) => {
                let outcome = match succeed(&mut stream, bound).await {
                    Ok(()) => carry(stream, &mut end).await,
                    Err(error) => {
                        end.say(&Record::Reset).map_err(CarryError::from).and_then(|()| Err(error.into()))
                    }
                };
                if !matches!(outcome, Err(CarryError::End(_))) {
                    self.tunnels.finish(end);
                }
                Ok(outcome?)
            }
            Err(refusal) => refuse(stream, refusal).await,
        }
    }
}

async fn succeed(stream: &mut TcpStream, bound: Option<SocketAddr>) -> io::Result<()> {
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    stream.write_all(&Reply::Succeeded(bound.unwrap_or(nowhere)).encode()).await
}

async fn refuse(mut stream: TcpStream, refusal: Refusal) -> Result<(), ServeError> {
    talk::refuse(&mut stream, Reply::Refused(refusal)).await?;
    Err(ServeError::Refused(refusal))
}
