//! Which link a connection is going to be for, before its handshake. Whoever dials chooses the first packets' destination
//! (RFC 9000, section 7.2), so it says it there; then the listener can set the connection as the link asks. Nobody has
//! proved anything by then, and a lie gets its connection set otherwise and nothing else.

use nextmini_wire::id::{LinkId, NodeId};
use quinn::ConnectionId;

/// Random bytes in front: at least 8 must be (RFC 9000, section 7.2).
const RANDOM: usize = 12;
const NUMBERS: usize = 8;

/// The destination of the first packets of a connection for `link` from its end at `node`.
///
/// # Errors
/// The system has no randomness to give.
pub fn destination(link: LinkId, node: NodeId) -> Result<ConnectionId, getrandom::Error> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random)?;
    Ok(ConnectionId::new(&[&random[..], &link.0.to_be_bytes(), &node.0.to_be_bytes()].concat()))
}

/// What a destination says; nothing if it is none of ours.
pub fn read(destination: &ConnectionId) -> Option<(LinkId, NodeId)> {
    let numbers: [u8; NUMBERS] = destination.get(RANDOM..)?.try_into().ok()?;
    let numbers = u64::from_be_bytes(numbers);
    Some((LinkId((numbers >> 32) as u32), NodeId(numbers as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_never_the_same_twice() {
        let (link, node) = (LinkId(0xdead_beef), NodeId(7));
        let (first, second) = (destination(link, node).unwrap(), destination(link, node).unwrap());
        assert_ne!(first, second);
        assert_eq!((read(&first), read(&second)), (Some((link, node)), Some((link, node))));
    }

    #[test]
    fn shorter_ones_say_nothing() {
        assert_eq!([0, 8, 12, 19].map(|length| read(&ConnectionId::new(&vec![1; length]))), [None; 4]);
    }
}
