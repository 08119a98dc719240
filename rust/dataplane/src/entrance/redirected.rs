//! Connections of a node's programs that the kernel has redirected: they know nothing of it.

use std::net::SocketAddr;
use std::sync::Arc;

use nextmini_sys::tcp::{original_destination, set_local};
use nextmini_wire::chain::Refusal;
use nextmini_wire::id::NodeId;
use nextmini_wire::socks::Target;
use thiserror::Error;
use tokio::net::TcpStream;

use super::door;
use crate::max::chain::{ChainError, Chains, Opened, watched};
use crate::max::enter::Client;
use crate::max::relay::Carried;

/// The redirected connections of a node.
#[derive(Debug)]
pub struct Redirected {
    /// The node.
    pub node: NodeId,
    /// What carries them.
    pub chains: Arc<Chains>,
}

#[derive(Debug, Error)]
enum ServeError {
    #[error("nobody redirected it")]
    Direct,
    #[error("there is no connection: {0}")]
    Refused(Refusal),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("its connection broke ({0})")]
    Io(#[from] std::io::Error),
}

impl Redirected {
    /// Carries a connection to where its program wanted to go. The program believes that it is there already: if it
    /// cannot be, its connection is reset.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        if let Err(error) = self.carry(stream, client).await {
            tracing::debug!(%error, node = %self.node, %client, "a redirected connection");
        }
    }

    async fn enter(&self, client: Client, target: &Target) -> Result<Opened, Refusal> {
        self.chains.enter(self.chains.plan(self.node, client, target, None)?).await
    }

    async fn carry(&self, stream: TcpStream, client: SocketAddr) -> Result<(), ServeError> {
        set_local(&stream)?;
        let to = original_destination(&stream).map_err(|_| ServeError::Direct);
        let opened = match to {
            Ok(to) if Ok(to) == stream.local_addr().map_err(drop) => Err(ServeError::Direct),
            Ok(to) => {
                let (client, target) = (Client::Program(client), Target::Address(to));
                self.enter(client, &target).await.map_err(ServeError::Refused)
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(opened) => Ok(self.chains.join(watched(stream)?, opened, &Carried::default()).await?),
            Err(error) => {
                door::refuse(stream);
                Err(error)
            }
        }
    }
}
