//! Files that tokio's reactor watches.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A file of which tasks wait until it is readable or writable. It has to be non-blocking.
#[derive(Debug)]
pub struct Watched {
    file: AsyncFd<OwnedFd>,
}

impl Watched {
    /// Has the current runtime watch `file`.
    ///
    /// # Errors
    /// The kernel's answer: the file is of a kind that cannot be watched, or too many are.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn new(file: OwnedFd, interest: Interest) -> io::Result<Self> {
        // SAFETY: the file belongs to this type alone, which neither closes, exchanges nor gives it away for
        // as long as it is watched, and lends out shared references only.
        let file = unsafe { AsyncFd::register_with_interest(file, interest) }?;
        Ok(Self { file })
    }

    /// Waits until it is readable, or may be.
    ///
    /// # Errors
    /// The runtime has ended.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        self.file.readable().await
    }

    /// Waits until it is writable, or may be.
    ///
    /// # Errors
    /// The runtime has ended.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        self.file.writable().await
    }

    /// Waits until one of `interest` is so, or may be.
    ///
    /// # Errors
    /// The runtime has ended.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        self.file.ready(interest).await
    }

    /// Has `work` do something with the file for which it may be ready. Where it would block, as `work` says
    /// or as is known without asking it, tasks wait again until the kernel tells of `interest`, which is
    /// to be of one kind.
    ///
    /// # Errors
    /// What `work` says.
    pub fn try_io<T>(
        &self,
        interest: Interest,
        work: impl FnOnce(&OwnedFd) -> io::Result<T>,
    ) -> io::Result<T> {
        self.file.try_io(interest, work)
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.get_ref().as_fd()
    }
}
