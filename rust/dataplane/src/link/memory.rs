//! Links between nodes of one process: nothing is copied.

use std::sync::Arc;

use super::Outgoing;
use super::onward::{Claim, Exit};
use super::outgoing::Pace;
use crate::ingress::Ingress;
use crate::timers::Alarm;

/// Moves packets from `outgoing` to the next node's `ingress`, for ever.
///
/// `arrives_at` is the next node's own end of the link, which counts what it drops.
pub async fn carry(outgoing: Arc<Outgoing>, ingress: Ingress, arrives_at: Arc<Outgoing>, mut alarm: Alarm) {
    let exit = match &ingress {
        Ingress::Inline(node) => {
            let (link, node) = (Arc::clone(&outgoing), Arc::clone(node));
            Some(Arc::new(Exit { link, node, arrives_at: Arc::clone(&arrives_at) }))
        }
        Ingress::Sequential(_) | Ingress::Concurrent(_) => None,
    };
    let _sign = Sign::new(&outgoing, exit.clone());
    let mut batch = Vec::new();
    loop {
        let pace = outgoing.take(&mut batch, &mut alarm).await;
        match &exit {
            Some(exit) => Claim::new(Arc::clone(exit)).carry(&mut batch),
            None => ingress.submit(&mut batch, &arrives_at).await,
        }
        // A saturated hop never finds its queue empty: let the next hop have the core. One that waits for every
        // batch does so by waiting.
        if pace == Pace::Hurried {
            tokio::task::yield_now().await;
        }
    }
}

/// Shows whoever fills a queue where its packets come out, as long as they do. The two know each other then.
struct Sign<'a> {
    outgoing: &'a Outgoing,
}

impl<'a> Sign<'a> {
    fn new(outgoing: &'a Outgoing, exit: Option<Arc<Exit>>) -> Self {
        outgoing.set_exit(exit);
        Self { outgoing }
    }
}

impl Drop for Sign<'_> {
    fn drop(&mut self) {
        self.outgoing.set_exit(None);
    }
}
