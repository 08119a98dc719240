//! How much of the time something had to wait for a processor: the kernel's pressure stall information
//! (Documentation/accounting/psi.rst of the kernel's sources).

use std::fs;
use std::time::Duration;

/// For how long since the machine started something that could have run did not, for want of a processor:
/// anything on the machine, not in this process alone. `None` where the kernel does not tell.
pub fn cpu_stalled() -> Option<Duration> {
    total(&fs::read_to_string("/proc/pressure/cpu").ok()?)
}

/// The total of the line that begins with `some`; it is in microseconds.
fn total(text: &str) -> Option<Duration> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split(' ').find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_some_counts() {
        let text = "some avg10=1.20 avg60=1.02 avg300=0.57 total=13745821\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(total(text), Some(Duration::from_micros(13_745_821)));
        assert_eq!(total("some avg10=1.20 total=x"), None);
        assert_eq!(total("full avg10=1.20 total=7"), None);
        assert_eq!(total(""), None);
    }

    #[test]
    fn it_only_grows() {
        let first = cpu_stalled();
        assert!(cpu_stalled() >= first);
    }
}
