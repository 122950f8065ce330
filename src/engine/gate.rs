//! One call at a time; those that wait can be cancelled, which a mutex does not allow.

use crate::{Cancel, Result};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a waiting call looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(5);

/// Lets one call pass at a time.
#[derive(Default)]
pub struct Gate {
    busy: Mutex<bool>,
    free: Condvar,
}

/// A call that has passed; the next one may when this is dropped.
pub struct Turn<'a>(&'a Gate);

impl Gate {
    /// Waits for its turn, unless `cancel` stops it.
    pub fn pass(&self, cancel: &Cancel) -> Result<Turn<'_>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while *busy {
            cancel.check()?;
            busy = self.free.wait_timeout(busy, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        *busy = true;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.busy.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use std::time::Instant;

    #[test]
    fn one_at_a_time_and_who_waits_can_be_stopped() {
        let gate = Gate::default();
        let turn = gate.pass(&Cancel::new()).unwrap();
        let late = Cancel::new().with_deadline(Instant::now() + Duration::from_millis(20));
        assert_eq!(gate.pass(&late).err().unwrap().kind(), ErrorKind::Deadline);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| gate.pass(&Cancel::new()).is_ok());
            drop(turn);
            assert!(other.join().unwrap());
        });
        drop(gate.pass(&late).unwrap());
    }
}
