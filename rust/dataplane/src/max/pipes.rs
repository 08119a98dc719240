//! Pipes that are not in use: a connection that is silent has none.

use std::io;
use std::sync::{Mutex, PoisonError};

use nextmini_sys::pipe::Pipe;

/// Pipes that are kept.
const SPARES: usize = 64;

/// Empty pipes, all of one capacity.
#[derive(Debug)]
pub struct Pipes {
    capacity: usize,
    spares: Mutex<Vec<Pipe>>,
}

impl Pipes {
    /// None yet, and later ones of so many bytes, if the system gives as many.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, spares: Mutex::default() }
    }

    /// An empty one.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn take(&self) -> io::Result<Pipe> {
        let spare = self.spares.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.map_or_else(|| Pipe::new(self.capacity), Ok)
    }

    /// Takes one back; what is in it is lost, and with it the pipe.
    pub fn give(&self, pipe: Pipe) {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        if pipe.held() == 0 && spares.len() < SPARES {
            spares.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_used_again_only_if_it_is_empty() {
        let pipes = Pipes::new(64 * 1024);
        let kept = |pipes: &Pipes| pipes.spares.lock().unwrap().len();
        let (mut first, mut second) = (pipes.take().unwrap(), pipes.take().unwrap());
        let (source, program) = std::os::unix::net::UnixStream::pair().unwrap();
        source.set_nonblocking(true).unwrap();
        io::Write::write_all(&mut &program, b"data").unwrap();
        second.fill(&source, 100).unwrap();
        pipes.give(second);
        assert_eq!(kept(&pipes), 0);
        assert_eq!(first.fill(&source, 100).unwrap(), nextmini_sys::pipe::Filled::SourceEmpty);
        pipes.give(first);
        assert_eq!(kept(&pipes), 1);
        assert_eq!((pipes.take().unwrap().held(), kept(&pipes)), (0, 0));
    }
}
