//! The routes that a sender takes, one after the other.

use nextmini_wire::id::RouteId;

use crate::route::RouteTable;
use crate::time::Instant;

/// The route that a sender is on, and the one that it was on before.
///
/// Relays forget a route that was taken away, so what is under way on it does not arrive. Nothing else would
/// tell: as long as the window is full of it, nothing is sent that could be acknowledged behind it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moves {
    now: Option<RouteId>,
    left: Option<(RouteId, Instant)>,
}

impl Moves {
    /// The route that was taken last.
    pub fn last(&self) -> Option<RouteId> {
        self.now
    }

    /// Takes `route` from `now` on.
    pub fn take(&mut self, route: RouteId, now: Instant) {
        if let Some(before) = self.now.replace(route)
            && before != route
        {
            self.left = Some((before, now));
        }
    }

    /// When a route was left that is gone by now; that is said once.
    pub fn gone(&mut self, table: &RouteTable) -> Option<Instant> {
        let (_, at) = self.left.take_if(|(route, _)| !table.holds(*route))?;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use nextmini_wire::id::NodeId;

    use super::*;
    use crate::route::Route;

    fn table(ids: &[u32]) -> RouteTable {
        let route = |&id: &u32| Route::new(RouteId(id), vec![NodeId(1), NodeId(2)], 1, 1_460).unwrap();
        RouteTable::default().changed(&[], ids.iter().map(route))
    }

    #[test]
    fn a_route_that_was_left_is_told_once_when_it_is_gone() {
        let mut moves = Moves::default();
        moves.take(RouteId(1), Instant(1));
        moves.take(RouteId(1), Instant(2));
        assert_eq!((moves.last(), moves.gone(&table(&[]))), (Some(RouteId(1)), None));
        moves.take(RouteId(2), Instant(3));
        assert_eq!(moves.gone(&table(&[1, 2])), None);
        assert_eq!(moves.gone(&table(&[2])), Some(Instant(3)));
        assert_eq!(moves.gone(&table(&[2])), None);
    }
}
