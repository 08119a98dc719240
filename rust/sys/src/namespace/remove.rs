//! The end of namespaces (umount(2), unlink(2)).

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use thiserror::Error;

use super::checked_path;

/// Why a namespace cannot be removed.
#[derive(Debug, Error)]
#[error("cannot remove the network namespace {name} ({source})")]
pub struct RemoveError {
    /// Its name.
    pub name: String,
    /// The kernel's answer.
    pub source: io::Error,
}

/// Takes their names from those of `names` that are there, with whatever a command may have in them. The kernel
/// takes namespaces down in the background, when no process, socket or device file is in them any more.
///
/// # Errors
/// The first that could not be removed; the others are.
pub fn remove(names: &[String]) -> Result<(), RemoveError> {
    let mut first = Ok(());
    for name in names {
        if let Err(source) = remove_one(name) {
            first = first.and_then(|()| Err(RemoveError { name: name.clone(), source }));
        }
    }
    first
}

fn remove_one(name: &str) -> io::Result<()> {
    let path = checked_path(name)?;
    match unmount(&path, UnmountFlags::DETACH) {
        // Nothing is mounted on it if it could not be finished when it was created.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Nodes, mounted, node};
    use super::*;

    #[test]
    fn nothing_remains() {
        let nodes = Nodes::create(&[node(1), node(2)]);
        assert!(nodes.names.iter().all(|name| mounted(name)));
        remove(&nodes.names).unwrap();
        for (position, name) in nodes.names.iter().enumerate() {
            assert!(!mounted(name));
            assert!(!nodes.path(position).exists());
        }
        remove(&nodes.names).unwrap();
    }

    #[test]
    fn the_first_failure_is_told_and_the_others_are_removed() {
        let nodes = Nodes::create(&[node(1)]);
        let names = ["..".to_owned(), nodes.names[0].clone(), String::new()];
        assert_eq!(remove(&names).unwrap_err().name, "..");
        assert!(!nodes.path(0).exists());
    }
}
