//! Classes: packets that are treated alike, by what they match.

use nextmini_wire::control::Class;
use nextmini_wire::id::NodeId;

/// What a class may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Node that sends.
    pub source: NodeId,
    /// Node that receives.
    pub destination: NodeId,
    /// IP protocol number.
    pub protocol: u8,
    /// Ports at both ends, where there are any.
    pub ports: Option<(u16, u16)>,
}

/// All classes, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    classes: Vec<Class>,
}

impl Classes {
    /// These classes.
    pub fn new(classes: Vec<Class>) -> Self {
        Self { classes }
    }

    /// The number of the first class that matches; 0 if none does.
    pub fn number_of(&self, subject: &Subject) -> u16 {
        self.classes.iter().find(|class| matches(class, subject)).map_or(0, |class| class.id)
    }

    /// The class with this number.
    pub fn get(&self, number: u16) -> Option<&Class> {
        self.classes.iter().find(|class| class.id == number && number != 0)
    }

    /// Whether any of them has a rate.
    pub fn have_rates(&self) -> bool {
        self.classes.iter().any(|class| class.rate.is_some())
    }
}

fn matches(class: &Class, subject: &Subject) -> bool {
    let port_matches =
        |port| subject.ports.is_some_and(|(source, destination)| port == source || port == destination);
    class.source.is_none_or(|node| node == subject.source)
        && class.destination.is_none_or(|node| node == subject.destination)
        && class.protocol.is_none_or(|protocol| protocol == subject.protocol)
        && class.port.is_none_or(port_matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Class = Class {
        id: 1,
        source: None,
        destination: None,
        protocol: None,
        port: None,
        rate: None,
        weight: None,
    };
    const WEB: Subject =
        Subject { source: NodeId(1), destination: NodeId(2), protocol: 6, ports: Some((40_000, 80)) };

    #[test]
    fn the_first_class_that_matches_counts() {
        let udp = Class { id: 7, protocol: Some(17), ..ANY };
        let web = Class { id: 3, port: Some(80), ..ANY };
        let classes = Classes::new(vec![udp, web, Class { id: 9, ..ANY }]);
        assert_eq!(classes.number_of(&WEB), 3);
        assert_eq!(classes.number_of(&Subject { protocol: 17, ..WEB }), 7);
        assert_eq!(classes.number_of(&Subject { ports: None, ..WEB }), 9);
    }

    #[test]
    fn every_condition_has_to_hold() {
        let class = Class { source: Some(NodeId(1)), destination: Some(NodeId(2)), port: Some(80), ..ANY };
        let classes = Classes::new(vec![class]);
        assert_eq!(classes.number_of(&WEB), 1);
        assert_eq!(classes.number_of(&Subject { source: NodeId(2), ..WEB }), 0);
        assert_eq!(classes.number_of(&Subject { destination: NodeId(1), ..WEB }), 0);
        assert_eq!(classes.number_of(&Subject { ports: Some((1, 2)), ..WEB }), 0);
        assert_eq!(Classes::default().number_of(&WEB), 0);
    }
}
