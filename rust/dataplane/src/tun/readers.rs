//! The threads that read devices.
//!
//! They wait for all of them together, and whichever is idle takes what comes next as far as it goes at once: over
//! links in memory, to the programs at the other end. Nobody is woken on the way, and for a packet the kernel wakes
//! one thread, as if that one waited for this device alone. Tasks of the runtime would cost a wake-up more: the
//! runtime wakes a second thread whenever the first one has found two things to do.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use nextmini_sys::poll::Poll;
use nextmini_sys::tun::Tun;
use rustc_hash::FxHashMap;

use super::Device;
use super::reader::{Left, Reader};
use crate::event::{Event, report};
use crate::node::Node;
use crate::task::guarded;

/// How often a queue is read before others have their turn.
const TURN: usize = 8;

/// The threads, once there is a device; dropping this waits for their end.
#[derive(Debug)]
pub struct Readers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    most: usize,
}

#[derive(Debug)]
struct Shared {
    poll: Poll,
    queues: Mutex<FxHashMap<u64, Arc<Queue>>>,
    next: AtomicU64,
}

/// One queue of a node's device.
#[derive(Debug)]
struct Queue {
    node: Arc<Node>,
    device: Device,
    number: usize,
    ended: AtomicBool,
}

/// A queue that is read until this is dropped.
#[derive(Debug)]
pub struct Reading {
    shared: Arc<Shared>,
    key: u64,
}

impl Readers {
    /// No threads yet, and `most` of them later.
    ///
    /// # Errors
    /// The kernel's answer: too many files are open.
    pub fn new(most: usize) -> io::Result<Self> {
        let shared = Shared { poll: Poll::new()?, queues: Mutex::default(), next: AtomicU64::new(0) };
        Ok(Self { shared: Arc::new(shared), threads: Mutex::default(), most: most.max(1) })
    }

    /// Passes on what the programs of `node` send by the queue of that number.
    ///
    /// # Errors
    /// The kernel's answer: there are no more threads to have, or too many files are watched.
    pub fn read(&self, node: Arc<Node>, device: Device, number: usize) -> io::Result<Reading> {
        self.start()?;
        let queue = Arc::new(Queue { node, device, number, ended: AtomicBool::new(false) });
        let key = self.shared.next.fetch_add(1, Ordering::Relaxed);
        self.shared.queues().insert(key, Arc::clone(&queue));
        // From here on it is taken out again whatever happens.
        let reading = Reading { shared: Arc::clone(&self.shared), key };
        self.shared.poll.add(queue.tun()?, key)?;
        Ok(reading)
    }

    fn start(&self) -> io::Result<()> {
        let mut threads = lock(&self.threads);
        while threads.len() < self.most {
            let shared = Arc::clone(&self.shared);
            let name = format!("tun-{}", threads.len());
            threads.push(thread::Builder::new().name(name).spawn(move || shared.run())?);
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        if let Err(error) = self.shared.poll.end() {
            return tracing::error!(%error, "cannot end the threads that read TUN devices");
        }
        for thread in lock(&self.threads).drain(..) {
            // A panic of it has been reported by the panic hook.
            let _ended = thread.join();
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(queue) = self.shared.queues().remove(&self.key) else { return };
        // In this order: a thread that cannot watch it again then sees why.
        queue.ended.store(true, Ordering::SeqCst);
        let removed = queue.tun().and_then(|tun| self.shared.poll.remove(tun));
        if let Err(error) = removed {
            tracing::debug!(%error, node = %queue.node.id(), "its TUN device was not watched");
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut reader = Reader::default();
        loop {
            let told = match self.poll.wait() {
                Ok(Some(key)) => self.queues().get(&key).map(|queue| (key, Arc::clone(queue))),
                Ok(None) => return,
                Err(error) => return self.queues().values().for_each(|queue| queue.fail(&error)),
            };
            if let Some((key, queue)) = told {
                self.serve(key, &queue, &mut reader);
            }
        }
    }

    /// A panic is the failure of the queue's node.
    fn serve(&self, key: u64, queue: &Queue, reader: &mut Reader) {
        let mut outcome = Ok(());
        let work = || outcome = self.read(key, queue, reader);
        if !guarded(queue.node.id(), "TUN reader", queue.node.events(), work) {
            *reader = Reader::default();
        }
        if let Err(error) = outcome
            && !queue.ended.load(Ordering::SeqCst)
        {
            queue.fail(&error);
        }
    }

    fn read(&self, key: u64, queue: &Queue, reader: &mut Reader) -> io::Result<()> {
        let tun = queue.tun()?;
        for _ in 0..TURN {
            if reader.read(&queue.node, tun)? == Left::Nothing {
                break;
            }
        }
        self.poll.again(tun, key)
    }

    fn queues(&self) -> MutexGuard<'_, FxHashMap<u64, Arc<Queue>>> {
        lock(&self.queues)
    }
}

impl Queue {
    fn tun(&self) -> io::Result<&Tun> {
        self.device.queues().get(self.number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn fail(&self, error: &io::Error) {
        let reason = format!("its TUN device cannot be read any more: {error}");
        report(self.node.events(), Event::NodeFailed { node: self.node.id(), reason });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is valid after every single operation.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::time::Duration;

    use bytes::BytesMut;
    use nextmini_wire::id::NodeId;
    use nextmini_wire::vnet::VNET_BYTES;

    use super::*;
    use crate::fixture::Line;
    use crate::local::Stack;

    /// Two nodes; what a kernel would be is the other end of a pair of sockets.
    struct Pair {
        line: Line,
        devices: [Device; 2],
        kernels: [UnixDatagram; 2],
    }

    impl Pair {
        fn new() -> Self {
            let ([first, second], kernels) = sockets();
            let devices = [first, second].map(|socket| Device::new(vec![socket.into()]));
            let line = Line::of(devices.iter().cloned().map(Stack::Device));
            Self { line, devices, kernels }
        }

        fn read(&self, readers: &Readers) -> Reading {
            readers.read(Arc::clone(&self.line.nodes[0]), self.devices[0].clone(), 0).unwrap()
        }

        /// A program of the first node sends to the second.
        fn send(&self, identification: u8) {
            self.kernels[0].send(&packet(identification)).unwrap();
        }

        /// What comes out at the second node.
        fn arrived(&self) -> Vec<u8> {
            let mut buffer = vec![0; 100];
            let read = self.kernels[1].recv(&mut buffer).unwrap();
            buffer.truncate(read);
            buffer
        }
    }

    fn sockets() -> ([UnixDatagram; 2], [UnixDatagram; 2]) {
        let pair = || {
            let (ours, theirs) = UnixDatagram::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            theirs.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            (ours, theirs)
        };
        let ((first, a), (second, b)) = (pair(), pair());
        ([first, second], [a, b])
    }

    /// An IPv4 packet without data behind the header of a device.
    fn packet(identification: u8) -> Vec<u8> {
        let mut packet = vec![0; VNET_BYTES];
        packet.extend([0x45, 0, 0, 20, 0, identification, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet
    }

    #[test]
    fn what_a_program_sends_comes_out_at_the_other_node() {
        let (pair, readers) = (Pair::new(), Readers::new(2).unwrap());
        let _reading = pair.read(&readers);
        for identification in 0..200 {
            pair.send(identification);
            assert_eq!(pair.arrived(), packet(identification));
        }
    }

    #[test]
    fn what_waited_is_read_in_order() {
        let (pair, readers) = (Pair::new(), Readers::new(2).unwrap());
        // Sent before anybody reads, as many as a socket holds.
        pair.kernels[0].set_nonblocking(true).unwrap();
        let sent = (0..250).take_while(|&n| pair.kernels[0].send(&packet(n)).is_ok()).count();
        assert!(sent > 1);
        let _reading = pair.read(&readers);
        for identification in 0..sent {
            assert_eq!(pair.arrived(), packet(identification as u8));
        }
    }

    #[test]
    fn a_queue_is_read_until_its_reading_is_dropped() {
        let ([gone, stays], readers) = ([Pair::new(), Pair::new()], Readers::new(1).unwrap());
        let (reading, _stays) = (gone.read(&readers), stays.read(&readers));
        drop(reading);
        gone.send(1);
        stays.send(2);
        // The only thread has had its turn.
        assert_eq!(stays.arrived(), packet(2));
        let mut left = BytesMut::with_capacity(100);
        assert_eq!(gone.devices[0].queues()[0].read(&mut left).unwrap(), Some(VNET_BYTES + 20));
    }

    #[test]
    fn the_threads_end_with_what_started_them() {
        let (pair, readers) = (Pair::new(), Readers::new(3).unwrap());
        let reading = pair.read(&readers);
        pair.send(1);
        pair.arrived();
        let shared = Arc::downgrade(&readers.shared);
        drop((reading, readers));
        assert_eq!(shared.strong_count(), 0);
    }

    #[test]
    fn a_device_that_cannot_be_read_is_its_nodes_failure() {
        let (mut pair, readers) = (Pair::new(), Readers::new(1).unwrap());
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        // Whoever closes a socket with something in it, resets the connection.
        (&ours).write_all(b"unheard").unwrap();
        drop(theirs);
        let device = Device::new(vec![ours.into()]);
        let _reading = readers.read(Arc::clone(&pair.line.nodes[0]), device, 0).unwrap();
        let Some(Event::NodeFailed { node, reason }) = pair.line.heard.blocking_recv() else { panic!() };
        assert_eq!(node, NodeId(1));
        assert!(reason.starts_with("its TUN device cannot be read any more: Connection reset"), "{reason}");
        // Others go on.
        let _reading = pair.read(&readers);
        pair.send(1);
        assert_eq!(pair.arrived(), packet(1));
    }

    #[test]
    fn a_file_that_cannot_be_watched_is_refused() {
        let (pair, readers) = (Pair::new(), Readers::new(1).unwrap());
        let device = Device::new(vec![std::fs::File::open("/").unwrap().into()]);
        let error = readers.read(Arc::clone(&pair.line.nodes[0]), device, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(readers.shared.queues().is_empty());
    }
}
