//! Where actors read the time that they pass to decisions.

use nextmini_policy::time::Instant;

/// Now, on the clock that all processes of this machine share.
pub fn now() -> Instant {
    Instant(nextmini_sys::clock::monotonic_nanos())
}
