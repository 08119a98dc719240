//! Identifiers, as the database numbers them: 1-based, unique within an experiment and a kind.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, " {}"), self.0)
            }
        }
    };
}

id!(
    /// A node.
    NodeId,
    "node"
);
id!(
    /// A link, both of its directions.
    LinkId,
    "link"
);
id!(
    /// A route: one directed path of nodes.
    RouteId,
    "route"
);
impl RouteId {
    const BACK: u32 = 1 << 31;

    /// The way back on it, which what answers in its own packets' tracks takes; of a way back, the route.
    #[must_use]
    pub fn back(self) -> Self {
        Self(self.0 ^ Self::BACK)
    }

    /// Whether it is a way back.
    pub fn is_back(self) -> bool {
        self.0 & Self::BACK != 0
    }
}

id!(
    /// A declared flow.
    FlowId,
    "flow"
);
