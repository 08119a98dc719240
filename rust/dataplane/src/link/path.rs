//! What the path of a connection is like, as its own statistics tell: nothing is sent for it.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::stream::End;

/// How often the statistics are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Notes the round trips of a connection that is watched, for ever; `look` reads the newest one.
///
/// # Cancel safety
/// Dropping it ends the watch.
pub async fn watch(end: &End, look: impl Fn() -> Option<Duration>) -> Infallible {
    if !end.carriage.apart {
        return pending().await;
    }
    end.outgoing.forget_round_trip();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(rtt) = look() {
            end.outgoing.saw_round_trip(rtt);
        }
    }
}
