//! The ioctls of a TUN device (linux/if_tun.h).

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl, opcode};

/// The file behind which all TUN devices are.
pub(crate) const FILE: &str = "/dev/net/tun";

const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
const TUNSETPERSIST: Opcode = opcode::write::<c_int>(b'T', 203);
const TUNSETOFFLOAD: Opcode = opcode::write::<std::ffi::c_uint>(b'T', 208);
const TUNSETVNETHDRSZ: Opcode = opcode::write::<c_int>(b'T', 216);
const TUNSETVNETLE: Opcode = opcode::write::<c_int>(b'T', 220);

const IFF_TUN: u16 = 0x0001;
const IFF_MULTI_QUEUE: u16 = 0x0100;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;

const TUN_F_CSUM: usize = 0x01;
const TUN_F_TSO4: usize = 0x02;
const TUN_F_TSO6: usize = 0x04;
const TUN_F_TSO_ECN: usize = 0x08;
const TUN_F_USO4: usize = 0x20;
const TUN_F_USO6: usize = 0x40;

const VNET_HEADER_BYTES: c_int = 10;
const NAME_BYTES: usize = 16;

/// Whether the kernel leaves checksums and the cutting of packets of up to 64 KiB to who reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// It does: of TCP, and of UDP from Linux 6.2 on.
    On,
    /// Packets are as they would be on a wire.
    Off,
}

/// The `struct ifreq` of netdevice(7), as far as TUNSETIFF looks at it; the kernel copies all 40 bytes, both ways.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; NAME_BYTES],
    flags: u16,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<InterfaceRequest>() == 40);

/// A file that has no device yet.
pub(crate) fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(FILE, flags, Mode::empty())?)
}

/// Has whoever reads a file of a device wait for packets.
///
/// # Errors
/// The kernel's answer.
pub fn block(tun: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(tun, false)?)
}

/// Gives it the device of that name in the calling thread's namespace, which is made if there is none.
pub(crate) fn attach(tun: impl AsFd, device: &str, queues: u16) -> Result<()> {
    // The kernel takes an empty name for the wish that it think of one, and a % for a number to be filled in.
    if device.is_empty() || device.len() >= NAME_BYTES || device.contains('%') {
        return Err(Errno::INVAL);
    }
    let mut name = [0; NAME_BYTES];
    name[..device.len()].copy_from_slice(device.as_bytes());
    let multi_queue = if queues > 1 { IFF_MULTI_QUEUE } else { 0 };
    let flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | multi_queue;
    let mut request = InterfaceRequest { name, flags, rest: [0; 22] };
    // SAFETY: this is TUNSETIFF, which reads and writes a `struct ifreq`.
    unsafe { ioctl(tun, Updater::<TUNSETIFF, InterfaceRequest>::new(&mut request)) }
}

/// Has the device stay when no file is open.
pub(crate) fn keep(tun: impl AsFd) -> Result<()> {
    // SAFETY: this is TUNSETPERSIST, whose argument is a number and not an address.
    unsafe { ioctl(tun, IntegerSetter::<TUNSETPERSIST>::new_usize(1)) }
}

/// Says how the header in front of each packet looks.
pub(crate) fn set_header(tun: impl AsFd) -> Result<()> {
    // SAFETY: this is TUNSETVNETHDRSZ, which reads an `int`.
    unsafe { ioctl(&tun, Setter::<TUNSETVNETHDRSZ, c_int>::new(VNET_HEADER_BYTES)) }?;
    // SAFETY: this is TUNSETVNETLE, which reads an `int`.
    unsafe { ioctl(&tun, Setter::<TUNSETVNETLE, c_int>::new(1)) }
}

/// Says what the kernel may leave to who reads packets.
pub(crate) fn set_offload(tun: impl AsFd, offload: Offload) -> Result<()> {
    let set = |features: usize| {
        // SAFETY: this is TUNSETOFFLOAD, whose argument is a number and not an address.
        unsafe { ioctl(&tun, IntegerSetter::<TUNSETOFFLOAD>::new_usize(features)) }
    };
    let tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    match offload {
        Offload::Off => set(0),
        Offload::On => match set(tcp | TUN_F_USO4 | TUN_F_USO6) {
            Err(Errno::INVAL) => set(tcp),
            result => result,
        },
    }
}
