//! SOCKS 5 entrances of nodes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nextmini_sys::tcp::set_lasting;
use nextmini_wire::chain::Refusal;
use nextmini_wire::credential::Users;
use nextmini_wire::id::NodeId;
use nextmini_wire::socks::Reply;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::talk::{self, TalkError};
use crate::max::chain::{ChainError, Chains, watched};
use crate::max::enter::Client;
use crate::max::relay::Carried;

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
    /// What carries them.
    pub chains: Arc<Chains>,
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
    #[error("its connection broke ({0})")]
    Io(#[from] std::io::Error),
}

impl Entrance {
    /// Serves a client from its greeting to the end of its connection.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        if let Err(error) = self.carry(stream, client).await {
            tracing::debug!(%error, node = %self.node, %client, "a SOCKS client");
        }
    }

    async fn carry(&self, mut stream: TcpStream, client: SocketAddr) -> Result<(), ServeError> {
        set_lasting(&stream)?;
        let target = talk::hear(&mut stream, &self.users, DEADLINE).await?;
        match self.chains.enter(self.node, Client::Of(client), &target, self.exit).await {
            Ok(opened) => {
                let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
                let reply = Reply::Succeeded(opened.bound.unwrap_or(nowhere));
                stream.write_all(&reply.encode()).await?;
                Ok(self.chains.join(watched(stream)?, opened, &Carried::default()).await?)
            }
            Err(refusal) => {
                talk::refuse(&mut stream, Reply::Refused(refusal)).await?;
                Err(ServeError::Refused(refusal))
            }
        }
    }
}
