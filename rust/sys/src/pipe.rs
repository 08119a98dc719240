//! Pipes that data passes from one socket to another without leaving the kernel (splice(2)).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};

/// What became of an attempt to fill a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes came.
    Bytes(usize),
    /// The source has nothing at present.
    SourceEmpty,
    /// The pipe takes no more, however few bytes it holds: it counts pieces.
    PipeFull,
    /// The source has ended.
    Ended,
}

/// A pipe and how many bytes are in it; nobody ever waits for it.
#[derive(Debug)]
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    capacity: usize,
    held: usize,
}

impl Pipe {
    /// An empty pipe of `capacity` bytes, or of what the system gives where it refuses so many: there is a limit for
    /// each pipe, and one for all of a user (pipe(7)).
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn new(capacity: usize) -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let capacity = match fcntl_setpipe_size(&writer, capacity) {
            Ok(given) => given,
            Err(Errno::PERM | Errno::NOMEM) => fcntl_getpipe_size(&writer)?,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { reader, writer, capacity, held: 0 })
    }

    /// Bytes that it may hold if they come in large pieces.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes at most `most` bytes, at least one, from a socket or another pipe, which is non-blocking.
    ///
    /// # Errors
    /// The kernel's answer: the connection was reset, for one.
    pub fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<Filled> {
        match splice(from, None, &self.writer, None, most, SpliceFlags::NONBLOCK) {
            Ok(0) => Ok(Filled::Ended),
            Ok(bytes) => {
                self.held += bytes;
                Ok(Filled::Bytes(bytes))
            }
            // The kernel does not say which of the two it is that it would have to wait for.
            Err(Errno::AGAIN) if self.held > 0 && self.is_full()? => Ok(Filled::PipeFull),
            Err(Errno::AGAIN) => Ok(Filled::SourceEmpty),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives at most `most` bytes of what it holds to a socket or another pipe, and returns how many.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if that takes none at present. The kernel's answer otherwise.
    pub fn drain(&mut self, to: impl AsFd, most: usize) -> io::Result<usize> {
        let most = most.min(self.held);
        if most == 0 {
            return Ok(0);
        }
        let bytes = splice(&self.reader, None, to, None, most, SpliceFlags::NONBLOCK)?;
        self.held -= bytes;
        Ok(bytes)
    }

    fn is_full(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.writer, PollFlags::OUT)];
        Ok(poll(&mut polled, Some(&Timespec::default()))? == 0)
    }
}

/// Passes everything from one socket to another until it ends, with a pipe of `capacity` bytes; both block.
///
/// # Errors
/// The kernel's answer.
pub fn pass_all(from: impl AsFd, to: impl AsFd, capacity: usize) -> io::Result<()> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let capacity = fcntl_setpipe_size(&writer, capacity)?;
    loop {
        let mut held = splice(&from, None, &writer, None, capacity, SpliceFlags::empty())?;
        if held == 0 {
            return Ok(());
        }
        while held > 0 {
            held -= splice(&reader, None, &to, None, held, SpliceFlags::empty())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const CAPACITY: usize = 512 * 1024;

    /// Two ends of a connection, of which the first does not block.
    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nodelay(true).unwrap();
        (ours, theirs)
    }

    /// Fills it as soon as there is something.
    fn fill(pipe: &mut Pipe, from: &TcpStream) -> Filled {
        let mut polled = [PollFd::new(from, PollFlags::IN)];
        poll(&mut polled, None).unwrap();
        pipe.fill(from, CAPACITY).unwrap()
    }

    #[test]
    fn what_comes_in_goes_out() {
        let ((source, mut program), (sink, mut server)) = (connected(), connected());
        let mut pipe = Pipe::new(CAPACITY).unwrap();
        assert_eq!(pipe.fill(&source, CAPACITY).unwrap(), Filled::SourceEmpty);
        program.write_all(b"to whom it may concern").unwrap();
        assert_eq!(fill(&mut pipe, &source), Filled::Bytes(22));
        assert_eq!(pipe.held(), 22);
        assert_eq!(pipe.drain(&sink, 7).unwrap(), 7);
        assert_eq!(pipe.drain(&sink, CAPACITY).unwrap(), 15);
        assert_eq!((pipe.held(), pipe.drain(&sink, CAPACITY).unwrap()), (0, 0));
        let mut received = [0; 22];
        server.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"to whom it may concern");
        drop(program);
        assert_eq!(fill(&mut pipe, &source), Filled::Ended);
    }

    #[test]
    fn an_empty_source_is_told_from_a_full_pipe() {
        let (source, mut program) = connected();
        let mut pipe = Pipe::new(4096).unwrap();
        program.write_all(b"x").unwrap();
        assert_eq!(fill(&mut pipe, &source), Filled::Bytes(1));
        // One piece of one byte is all that a pipe of a page takes.
        assert_eq!(pipe.fill(&source, 100).unwrap(), Filled::PipeFull);
        let mut pipe = Pipe::new(CAPACITY).unwrap();
        program.write_all(b"x").unwrap();
        assert_eq!(fill(&mut pipe, &source), Filled::Bytes(1));
        assert_eq!(pipe.fill(&source, 100).unwrap(), Filled::SourceEmpty);
    }

    #[test]
    fn a_sink_that_takes_nothing_is_said_to_block() {
        let ((source, mut program), (sink, _server)) = (connected(), connected());
        let mut pipe = Pipe::new(CAPACITY).unwrap();
        let data = vec![7; 64 * 1024];
        let error = loop {
            program.write_all(&data).unwrap();
            let mut left = data.len();
            while left > 0
                && let Filled::Bytes(bytes) = fill(&mut pipe, &source)
            {
                left -= bytes;
            }
            if let Err(error) = pipe.drain(&sink, CAPACITY) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(pipe.held() > 0);
    }

    #[test]
    fn everything_passes_to_the_end() {
        let ((source, mut program), (sink, mut server)) = (connected(), connected());
        for socket in [&source, &sink] {
            socket.set_nonblocking(false).unwrap();
        }
        let relay = std::thread::spawn(move || pass_all(&source, &sink, CAPACITY));
        let data: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let sent = data.clone();
        let sending = std::thread::spawn(move || program.write_all(&sent).unwrap());
        let mut received = Vec::new();
        server.read_to_end(&mut received).unwrap();
        sending.join().unwrap();
        relay.join().unwrap().unwrap();
        assert!(received == data);
    }

    #[test]
    fn a_system_that_refuses_the_size_gives_another() {
        let given = Pipe::new(usize::MAX).unwrap().capacity();
        assert!((4096..=1 << 30).contains(&given), "{given}");
        assert!(Pipe::new(1).unwrap().capacity() >= 4096);
        assert!(Pipe::new(CAPACITY).unwrap().capacity() >= 64 * 1024);
    }
}
