//! What a link is asked to do, looked at as a whole before any of it is in force.

use std::sync::Arc;

use nextmini_policy::link::Wanted;
use nextmini_policy::link::settings::{Checked, SettingsError};
use nextmini_policy::rate::trace::{Trace, TraceBuilder, TraceError};
use nextmini_wire::control::{self, Direction};
use nextmini_wire::id::NodeId;
use rustc_hash::FxHashMap;

use super::Outgoing;

/// The traces that a process was told of.
#[derive(Debug, Default)]
pub struct Traces {
    complete: FxHashMap<u32, Arc<Trace>>,
    growing: FxHashMap<u32, TraceBuilder>,
}

impl Traces {
    /// Takes a part of a trace. The first part begins the trace anew.
    ///
    /// # Errors
    /// It does not fit what came before; the trace is forgotten.
    pub fn add(&mut self, part: control::Trace) -> Result<(), TraceError> {
        let id = part.id;
        let mut builder = match self.growing.remove(&id) {
            Some(builder) if part.first > 0 => builder,
            _ => TraceBuilder::default(),
        };
        match builder.add(part)? {
            Some(trace) => {
                self.complete.insert(id, trace);
            }
            None => {
                self.growing.insert(id, builder);
            }
        }
        Ok(())
    }

    fn of(&self, direction: &Direction) -> Option<Arc<Trace>> {
        direction.trace.and_then(|id| self.complete.get(&id)).map(Arc::clone)
    }
}

/// Both directions of a link, ready to be put in force.
#[derive(Debug)]
pub struct Orders {
    forward: Checked,
    backward: Checked,
}

impl Orders {
    /// What `row` asks for.
    ///
    /// # Errors
    /// Where the direction that makes no sense begins and ends, and why.
    pub fn new(row: &control::Link, traces: &Traces) -> Result<Self, (NodeId, NodeId, SettingsError)> {
        let check = |direction, from, to| {
            Checked::new(direction, traces.of(direction)).map_err(|error| (from, to, error))
        };
        Ok(Self {
            forward: check(&row.forward, row.a, row.b)?,
            backward: check(&row.backward, row.b, row.a)?,
        })
    }

    /// Puts them in force at the ends of `row` that are in this process. What is asked for as before goes on
    /// where it is.
    pub fn give(self, row: &control::Link, ends: &[Arc<Outgoing>]) {
        let mut orders = [(row.a, Some(self.forward)), (row.b, Some(self.backward))];
        let wanted = if row.up { Wanted::Up } else { Wanted::Down };
        for end in ends {
            let own = orders.iter_mut().find(|(from, _)| *from == end.from());
            if let Some(checked) = own.and_then(|(_, checked)| checked.take()) {
                end.set(row.mtu, checked);
            }
            end.set_wanted(wanted);
        }
    }
}
