//! Files that several threads wait for: whichever is idle is told of the next one that can be read.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// What stands for the end.
const END: u64 = u64::MAX;

/// An epoll instance (epoll(7)) and what ends the waiting.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
    end: OwnedFd,
}

impl Poll {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let end = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &end, EventData::new_u64(END), EventFlags::IN)?;
        Ok(Self { epoll, end })
    }

    /// Watches a file that is known as `key`, which is to be less than [`u64::MAX`].
    ///
    /// # Errors
    /// The kernel's answer: too many files are watched.
    pub fn add(&self, file: impl AsFd, key: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, file, EventData::new_u64(key), EventFlags::IN | EventFlags::ONESHOT)?)
    }

    /// Watches it again, after somebody was told of it.
    ///
    /// # Errors
    /// The kernel's answer: it is not watched.
    pub fn again(&self, file: impl AsFd, key: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, file, EventData::new_u64(key), EventFlags::IN | EventFlags::ONESHOT)?)
    }

    /// Watches it no more.
    ///
    /// # Errors
    /// The kernel's answer: it is not watched.
    pub fn remove(&self, file: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, file)?)
    }

    /// Waits until a file can be read, or has failed, and returns its key; nobody else is told of it before it is
    /// watched [`again`](Self::again). `None` for ever after [`Self::end`].
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn wait(&self) -> io::Result<Option<u64>> {
        let mut events = [MaybeUninit::<Event>::uninit()];
        let (told, _) = loop {
            match epoll::wait(&self.epoll, &mut events, None) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        let key = told.first().map_or(END, |event| event.data.u64());
        Ok((key != END).then_some(key))
    }

    /// Has everybody who waits return, and whoever is going to.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn end(&self) -> io::Result<()> {
        match rustix::io::write(&self.end, &1_u64.to_ne_bytes()) {
            // It has been told so often that it cannot count further.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn pair() -> (UnixDatagram, UnixDatagram) {
        UnixDatagram::pair().unwrap()
    }

    #[test]
    fn one_thread_is_told_until_it_wants_to_be_again() {
        let poll = Poll::new().unwrap();
        let ([(first, a), (second, b)], mut buffer) = ([pair(), pair()], [0; 9]);
        poll.add(&first, 1).unwrap();
        poll.add(&second, 2).unwrap();
        a.send(b"one").unwrap();
        assert_eq!(poll.wait().unwrap(), Some(1));
        // There is still something to read, but nobody asked again.
        b.send(b"two").unwrap();
        assert_eq!(poll.wait().unwrap(), Some(2));
        poll.again(&first, 1).unwrap();
        assert_eq!(poll.wait().unwrap(), Some(1));
        first.recv(&mut buffer).unwrap();
        poll.again(&first, 1).unwrap();
        a.send(b"three").unwrap();
        assert_eq!(poll.wait().unwrap(), Some(1));
    }

    #[test]
    fn what_is_not_watched_is_not_told_of() {
        let poll = Poll::new().unwrap();
        let [(first, a), (second, b)] = [pair(), pair()];
        poll.add(&first, 1).unwrap();
        poll.add(&second, 2).unwrap();
        poll.remove(&first).unwrap();
        a.send(b"one").unwrap();
        b.send(b"two").unwrap();
        assert_eq!(poll.wait().unwrap(), Some(2));
        assert_eq!(poll.again(&first, 1).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(poll.remove(&first).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(poll.add(std::fs::File::open("/").unwrap(), 3).is_err());
    }

    #[test]
    fn the_end_reaches_everybody() {
        let poll = Poll::new().unwrap();
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| said.send(poll.wait().unwrap()));
            }
            assert!(heard.recv_timeout(Duration::from_millis(50)).is_err());
            poll.end().unwrap();
            poll.end().unwrap();
            assert_eq!([(); 3].map(|()| heard.recv().unwrap()), [None; 3]);
        });
        assert_eq!(poll.wait().unwrap(), None);
    }
}
