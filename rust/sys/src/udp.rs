//! Options of UDP sockets.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt;

/// Gives a socket buffers of so many bytes for each direction: beyond what users may have, if this user may.
///
/// # Errors
/// The kernel's answer.
pub fn set_buffers(socket: impl AsFd, bytes: usize) -> io::Result<()> {
    let socket = socket.as_fd();
    if sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_err() {
        // As much as the system lets users have.
        sockopt::set_socket_recv_buffer_size(socket, bytes)?;
    }
    Ok(sockopt::set_socket_send_buffer_size(socket, bytes)?)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_has_at_least_the_buffers_that_it_had() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = sockopt::socket_recv_buffer_size(&socket).unwrap();
        set_buffers(&socket, 4 << 20).unwrap();
        assert!(sockopt::socket_recv_buffer_size(&socket).unwrap() >= before);
    }
}
