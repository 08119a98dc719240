//! The accepting ends of a process's links: one listener, which hands each connection to its link.
//!
//! Every connection has its own task and deadline, so a peer that says nothing delays nobody.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use nextmini_wire::handshake::Hello;
use nextmini_wire::id::{LinkId, NodeId};
use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::authenticate::{self, AuthenticateError};
use super::carriage::Carriage;
use super::carrier::Carrier;
use super::refusals::Refusals;
use super::status::Status;
use super::stream::End;
use super::tls::{self, Tls};
use crate::max::chain::{Chains, NO_LINK};
use crate::tls::identity::Identity;

/// Connections that may be in their handshake at once; more wait to be accepted.
const HANDSHAKES: usize = 512;
/// After a failure to accept, which is a lack of descriptors, connections that end make room.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Links of this process that wait for a connection of kind `C`, and what became of connections for nothing.
#[derive(Debug)]
pub struct Expected<C> {
    links: Arc<Mutex<FxHashMap<LinkId, Expectation<C>>>>,
    refusals: Refusals,
}

/// Whether a link waits for who says that it is its other end.
#[derive(Debug)]
pub enum Claim<C> {
    /// It does: the connection goes here.
    Right(mpsc::Sender<C>),
    /// It waits for another node.
    Wrong(NotThatNode),
    /// There is no such link, or not yet.
    Unknown,
}

/// A peer is not the node that a link expects.
#[derive(Clone, Copy, Debug, Error)]
#[error("it says that it is {node} at the other end of {link}, which is another node's")]
pub struct NotThatNode {
    link: LinkId,
    node: NodeId,
}

/// What a process's TCP listener hands on, and counts together.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Connections of links over TCP.
    pub plain: Expected<TcpStream>,
    /// Those of links inside TLS.
    pub tls: Expected<Tls>,
}

#[derive(Debug, Error)]
enum AdmitError {
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    #[error("it broke off ({0})")]
    Answer(#[from] io::Error),
    #[error(transparent)]
    Claim(#[from] NotThatNode),
    #[error("it came over {came} for {link}, which is over {asked}")]
    Carrier { link: LinkId, came: &'static str, asked: &'static str },
}

#[derive(Debug)]
struct Expectation<C> {
    from: NodeId,
    carriage: Carriage,
    connections: mpsc::Sender<C>,
}

impl<C> Default for Expected<C> {
    fn default() -> Self {
        Self { links: Arc::default(), refusals: Refusals::default() }
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        let plain: Expected<_> = Expected::default();
        let tls = Expected { links: Arc::default(), refusals: plain.refusals.clone() };
        Self { plain, tls }
    }
}

impl Arrivals {
    /// No connection is wanted for `link` any more.
    pub fn forget(&self, link: LinkId) {
        self.plain.forget(link);
        self.tls.forget(link);
    }

    /// Connections that did not become one of a link.
    pub fn refusals(&self) -> &Refusals {
        &self.plain.refusals
    }
}

impl<C> Clone for Expected<C> {
    fn clone(&self) -> Self {
        Self { links: Arc::clone(&self.links), refusals: self.refusals.clone() }
    }
}

impl<C> Expected<C> {
    /// Connections for `link` whose dialler is node `from` are to come to the returned channel. They are to be set
    /// so.
    pub fn expect(&self, link: LinkId, from: NodeId, carriage: Carriage) -> mpsc::Receiver<C> {
        let (connections, receiver) = mpsc::channel(1);
        self.lock().insert(link, Expectation { from, carriage, connections });
        receiver
    }

    /// No connection is wanted for `link` any more.
    pub fn forget(&self, link: LinkId) {
        self.lock().remove(&link);
    }

    /// How connections for `link` whose dialler is `node` are to be set, if one is expected.
    pub fn carriage(&self, link: LinkId, node: NodeId) -> Option<Carriage> {
        self.lock()
            .get(&link)
            .filter(|expected| expected.from == node)
            .map(|expected| expected.carriage.clone())
    }

    /// What becomes of a connection for `link` whose dialler says that it is `node`.
    pub fn find(&self, link: LinkId, node: NodeId) -> Claim<C> {
        match self.lock().get(&link) {
            Some(expected) if expected.from == node => Claim::Right(expected.connections.clone()),
            Some(_) => Claim::Wrong(NotThatNode { link, node }),
            None => Claim::Unknown,
        }
    }

    /// Connections that did not become one of a link.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    fn has(&self, link: LinkId) -> bool {
        self.lock().contains_key(&link)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<LinkId, Expectation<C>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections of links, and of flows in max mode, for ever.
pub async fn accept(listener: TcpListener, identity: Identity, arrivals: Arrivals, chains: Arc<Chains>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a link's connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (identity, arrivals, chains) = (identity.clone(), arrivals.clone(), Arc::clone(&chains));
        handshakes.spawn(async move {
            if let Err(error) = admit(stream, &identity, &arrivals, &chains).await {
                arrivals.refusals().add(peer, &error);
            }
            drop(permit);
        });
    }
}

async fn admit(
    stream: TcpStream,
    identity: &Identity,
    arrivals: &Arrivals,
    chains: &Arc<Chains>,
) -> Result<(), AdmitError> {
    let mut first = [0];
    // Nothing is taken: whoever it is for reads it again.
    authenticate::in_time(async { Ok(stream.peek(&mut first).await?) }).await?;
    if first == [tls::FIRST_BYTE] {
        let (stream, hello) = meet::<Tls>(stream, identity).await?;
        return hand_over(stream, hello, &arrivals.tls, &arrivals.plain).await;
    }
    let (mut stream, hello) = meet::<TcpStream>(stream, identity).await?;
    if hello.link == NO_LINK {
        authenticate::answer(&mut stream, true).await?;
        chains.accept(stream, hello.node);
        return Ok(());
    }
    hand_over(stream, hello, &arrivals.plain, &arrivals.tls).await
}

/// Has both ends prove who they are.
async fn meet<C: Carrier>(stream: TcpStream, identity: &Identity) -> Result<(C, Hello), AuthenticateError> {
    let mut stream = authenticate::in_time(async { Ok(C::accept(stream, identity).await?) }).await?;
    let hello = authenticate::accept(&mut stream, &identity.key).await?;
    Ok((stream, hello))
}

/// Gives a connection to its link, which may turn out to be one of the others.
async fn hand_over<C: Carrier, O: Carrier>(
    mut stream: C,
    hello: Hello,
    expected: &Expected<C>,
    others: &Expected<O>,
) -> Result<(), AdmitError> {
    let claim = expected.find(hello.link, hello.node);
    authenticate::answer(&mut stream, matches!(claim, Claim::Right(_))).await?;
    match claim {
        Claim::Right(connections) => {
            if connections.send(stream).await.is_err() {
                tracing::debug!(link = %hello.link, "the link ended during its handshake");
            }
            Ok(())
        }
        Claim::Wrong(claim) => Err(claim.into()),
        Claim::Unknown if others.has(hello.link) => {
            Err(AdmitError::Carrier { link: hello.link, came: C::NAME, asked: O::NAME })
        }
        // It may be on its way from the controller: the dialler tries again.
        Claim::Unknown => Ok(()),
    }
}

/// Carries a link over the connections that arrive for it, for ever. A newer one replaces an older.
pub async fn keep<C: Carrier>(end: End, mut connections: mpsc::Receiver<C>, status: Arc<Status>) {
    let mut next = connections.recv().await;
    while let Some(stream) = next {
        if let Err(error) = end.tune(stream.socket()) {
            status.failing(error.to_string());
            next = connections.recv().await;
            continue;
        }
        let reason;
        (reason, next) = tokio::select! {
            error = end.carry(stream, &status) => (error.to_string(), None),
            newer = connections.recv() => ("the peer connected anew".to_owned(), newer),
        };
        tracing::info!(link = %end.outgoing.link(), %reason, "link broke");
        status.down(reason);
        if next.is_none() {
            next = connections.recv().await;
        }
    }
}
