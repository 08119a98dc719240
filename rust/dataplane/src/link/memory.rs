//! Links between nodes of one process: nothing is copied.

use std::sync::Arc;

use super::Outgoing;
use super::outgoing::Pace;
use crate::ingress::Ingress;
use crate::timers::Alarm;

/// Moves packets from `outgoing` to the next node's `ingress`, for ever.
///
/// `arrives_at` is the next node's own end of the link, which counts what it drops.
pub async fn carry(outgoing: Arc<Outgoing>, ingress: Ingress, arrives_at: Arc<Outgoing>, mut alarm: Alarm) {
    let mut batch = Vec::new();
    loop {
        let pace = outgoing.take(&mut batch, &mut alarm).await;
        ingress.submit(&mut batch, &arrives_at).await;
        // A saturated hop never finds its queue empty: let the next hop have the core. One that waits for every
        // batch does so by waiting.
        if pace == Pace::Hurried {
            tokio::task::yield_now().await;
        }
    }
}
