//! Where actors read the time that they pass to decisions.

use nextmini_policy::time::Instant;

/// Now, on the clock that all processes of this machine share.
#[cfg(not(feature = "still-clock"))]
pub fn now() -> Instant {
    Instant(nextmini_sys::clock::monotonic_nanos())
}

/// A moment that never passes: so far in the future that no timer of the kernel's expires before.
#[cfg(feature = "still-clock")]
pub fn now() -> Instant {
    Instant(1 << 62)
}
