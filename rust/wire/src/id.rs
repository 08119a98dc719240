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

    const TREE: u32 = 1 << 30;

    /// The way along a tree: that of the destination with this place in the forest.
    ///
    /// Nothing if there is no such number.
    pub fn along(tree: Tree) -> Option<Self> {
        let known = tree.forest.0 < MOST_FORESTS && tree.destination < MOST_TREES;
        known.then_some(Self(Self::TREE | (tree.forest.0 * MOST_TREES) | tree.destination))
    }

    /// The tree that it is along, if it is no path with a number of its own.
    pub fn tree(self) -> Option<Tree> {
        if self.0 & (Self::BACK | Self::TREE) != Self::TREE {
            return None;
        }
        let number = self.0 & !Self::TREE;
        Some(Tree { forest: ForestId(number / MOST_TREES), destination: number % MOST_TREES })
    }
}

id!(
    /// A forest: shortest-path trees, one for each destination.
    ForestId,
    "forest"
);

/// Forests have numbers below this one.
pub const MOST_FORESTS: u32 = 1 << 10;
/// Trees of a forest at most.
pub const MOST_TREES: u32 = 1 << 20;

/// A tree of a forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The forest.
    pub forest: ForestId,
    /// Place of its root, where all that takes it goes to, among the forest's destinations.
    pub destination: u32,
}

id!(
    /// A declared flow.
    FlowId,
    "flow"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_along_trees_have_numbers_that_no_path_and_no_way_back_has() {
        for (forest, destination) in [(0, 0), (0, 7), (5, 0), (MOST_FORESTS - 1, MOST_TREES - 1)] {
            let tree = Tree { forest: ForestId(forest), destination };
            let way = RouteId::along(tree).unwrap();
            assert_eq!((way.tree(), way.is_back()), (Some(tree), false));
            assert_eq!(way.back().tree(), None);
        }
        assert_eq!(RouteId::along(Tree { forest: ForestId(1), destination: 2 }), Some(RouteId(0x4010_0002)));
        for (forest, destination) in [(MOST_FORESTS, 0), (0, MOST_TREES)] {
            assert_eq!(RouteId::along(Tree { forest: ForestId(forest), destination }), None);
        }
        assert!([0, 1, 16_000_000, RouteId(1).back().0].iter().all(|&id| RouteId(id).tree().is_none()));
    }
}
