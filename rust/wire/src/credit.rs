//! Leave for bytes to cross links beside which they travel on a connection of their own.
//!
//! A flow in max mode never shows its bytes to anybody. Whoever wants to pass some on sends a credit along the flow's
//! route first, which looks nodes and links like a chunk of so many bytes: it is routed, counted, queued and shaped as
//! one. When it arrives, so many bytes may leave.

use std::fmt;
use std::sync::Arc;

/// Who waits for credits.
pub trait Account: fmt::Debug + Send + Sync {
    /// So many bytes more may leave.
    fn granted(&self, bytes: u32);
    /// A credit for so many bytes was dropped on its way.
    fn lost(&self, bytes: u32);
}

/// Leave for so many bytes; its account hears of it just once, whatever becomes of it.
///
/// It never leaves its process. A copy is for show, and nobody hears of it.
#[derive(Debug)]
pub struct Credit {
    bytes: u32,
    account: Option<Arc<dyn Account>>,
}

impl Credit {
    /// A credit for `bytes` that `account` waits for.
    pub fn new(bytes: u32, account: Arc<dyn Account>) -> Self {
        Self { bytes, account: Some(account) }
    }

    /// How many bytes may leave.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// It has arrived.
    pub fn redeem(&mut self) {
        if let Some(account) = self.account.take() {
            account.granted(self.bytes);
        }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some(account) = self.account.take() {
            account.lost(self.bytes);
        }
    }
}

impl Clone for Credit {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, account: None }
    }
}

impl PartialEq for Credit {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Credit {}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(&'static str, u32)>>);

    impl Account for Heard {
        fn granted(&self, bytes: u32) {
            self.0.lock().unwrap().push(("granted", bytes));
        }

        fn lost(&self, bytes: u32) {
            self.0.lock().unwrap().push(("lost", bytes));
        }
    }

    #[test]
    fn its_account_hears_of_it_once() {
        let heard = Arc::new(Heard::default());
        let mut first = Credit::new(7, heard.clone());
        let second = Credit::new(9, heard.clone());
        assert_ne!(first, second);
        first.redeem();
        first.redeem();
        drop((first, second));
        assert_eq!(*heard.0.lock().unwrap(), [("granted", 7), ("lost", 9)]);
    }

    #[test]
    fn nobody_hears_of_a_copy() {
        let heard = Arc::new(Heard::default());
        let mut credit = Credit::new(7, heard.clone());
        let mut copy = credit.clone();
        assert_eq!((copy.bytes(), &copy), (7, &credit));
        copy.redeem();
        drop(copy);
        assert_eq!(*heard.0.lock().unwrap(), []);
        credit.redeem();
        assert_eq!(*heard.0.lock().unwrap(), [("granted", 7)]);
    }
}
