//! Shortest-path trees, for the controller.

use std::thread;

use nextmini_policy::trees::{self, Edge};
use nextmini_wire::id::NodeId;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// One link: its ends, its cost, and the largest chunks from the first to the second and back.
type Link = (u32, u32, f64, u32, u32);

/// The shortest-path trees of a network, one for each destination.
#[pyclass(frozen, eq, module = "nextmini._native")]
#[derive(PartialEq)]
pub(crate) struct Trees(trees::Trees);

#[pymethods]
impl Trees {
    #[new]
    fn new(py: Python<'_>, nodes: Vec<u32>, links: Vec<Link>) -> PyResult<Self> {
        let edge =
            |(a, b, cost, forward, backward)| Edge { a: NodeId(a), b: NodeId(b), cost, forward, backward };
        let found = py.detach(|| {
            let edges: Vec<_> = links.into_iter().map(edge).collect();
            let threads = thread::available_parallelism().map_or(1, usize::from);
            trees::Trees::new(nodes.into_iter().map(NodeId).collect(), &edges, threads)
        });
        found.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The ids of all nodes in ascending order, packed.
    fn nodes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        packed(py, self.0.nodes().iter().map(|node| node.0))
    }

    /// The largest chunks that ways may have, in ascending order.
    fn chunks(&self) -> Vec<u32> {
        self.0.chunks().to_vec()
    }

    /// What a node has to know, packed; nothing of an unknown one.
    fn row<'py>(&self, py: Python<'py>, node: u32) -> Option<Bound<'py, PyBytes>> {
        Some(packed(py, self.0.row(NodeId(node))?.into_iter()))
    }

    /// The nodes of the way from one to another.
    fn path(&self, source: u32, destination: u32) -> Option<Vec<u32>> {
        let path = self.0.path(NodeId(source), NodeId(destination))?;
        Some(path.into_iter().map(|node| node.0).collect())
    }

    /// The longest of all ways in seconds, by what links take in a direction.
    fn longest(&self, py: Python<'_>, seconds: Vec<(u32, u32, f64)>) -> f64 {
        let seconds: Vec<_> =
            seconds.into_iter().map(|(from, to, time)| (NodeId(from), NodeId(to), time)).collect();
        py.detach(|| self.0.longest(&seconds))
    }
}

fn packed(py: Python<'_>, numbers: impl Iterator<Item = u32>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &numbers.flat_map(u32::to_be_bytes).collect::<Vec<u8>>())
}
