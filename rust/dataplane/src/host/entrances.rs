//! The entrances of a process's nodes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use nextmini_wire::control::{self, Socks};
use nextmini_wire::credential::{CredentialError, Users};
use nextmini_wire::id::NodeId;
use thiserror::Error;
use tokio::net::TcpListener;

use super::Host;
use crate::entrance::door::Door;
use crate::entrance::redirected::Redirected;
use crate::entrance::socks::Entrance;
use crate::room::Room;
use crate::task::Task;

/// Redirected connections of a node at the same time: as many as a process has files for.
const MOST_REDIRECTED: usize = 16_384;

/// Why a node cannot have its entrances.
#[derive(Debug, Error)]
pub(super) enum EntranceError {
    #[error("\"{0}\" is not an address to listen at")]
    Address(String),
    #[error("cannot listen at {address} ({source})")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl Host {
    /// Opens the entrances that a node is to have.
    pub(super) fn entrances(&self, row: &control::Node, room: &Room) -> Result<Vec<Task>, EntranceError> {
        let mut tasks = Vec::new();
        for socks in &row.socks {
            tasks.push(self.socks(row.id, socks, room)?);
        }
        if let Some(port) = row.transparent {
            let v6 = row.address6.as_ref().map(|_| Ipv6Addr::LOCALHOST.into());
            for ip in [Ipv4Addr::LOCALHOST.into()].into_iter().chain(v6) {
                tasks.push(self.redirected(row.id, listen(room, SocketAddr::new(ip, port))?));
            }
        }
        Ok(tasks)
    }

    fn socks(&self, node: NodeId, socks: &Socks, room: &Room) -> Result<Task, EntranceError> {
        let address = socks.listen.parse().map_err(|_| EntranceError::Address(socks.listen.clone()))?;
        let (users, exit) = (Users::new(&socks.users)?, socks.exit);
        let (chains, tunnels) = (Arc::clone(&self.experiment.chains), Arc::clone(&self.tunnels));
        let entrance = Arc::new(Entrance { node, exit, users, mode: socks.mode, chains, tunnels });
        let door = Door { node, events: self.events.clone(), most: socks.connections as usize };
        let listener = listen(room, address)?;
        let keeping = door.keep(listener, move |stream, client| Arc::clone(&entrance).serve(stream, client));
        Ok(Task::spawn(node, "SOCKS entrance", self.events.clone(), keeping))
    }

    fn redirected(&self, node: NodeId, listener: TcpListener) -> Task {
        let entrance = Arc::new(Redirected { node, chains: Arc::clone(&self.experiment.chains) });
        let door = Door { node, events: self.events.clone(), most: MOST_REDIRECTED };
        let keeping = door.keep(listener, move |stream, client| Arc::clone(&entrance).serve(stream, client));
        Task::spawn(node, "redirected connections", self.events.clone(), keeping)
    }
}

fn listen(room: &Room, address: SocketAddr) -> Result<TcpListener, EntranceError> {
    room.listen(address).map_err(|source| EntranceError::Listen { address, source })
}
