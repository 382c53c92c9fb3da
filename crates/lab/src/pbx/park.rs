//! Parking lots: who waits in which slot, for whom, and how long. Without a word of SIP.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// A parking lot: a number that parks, and slots where one waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lot {
    /// The number to transfer to; the PBX picks the first free slot.
    pub pilot: String,
    /// The numbers of the slots; calling one takes the call that waits there.
    pub slots: RangeInclusive<u32>,
    /// After that long the one who parked is called back.
    pub timeout: Duration,
}

impl Lot {
    /// A lot with these numbers, where calls wait for 300 seconds.
    pub fn new(pilot: &str, slots: RangeInclusive<u32>) -> Self {
        Self { pilot: pilot.to_owned(), slots, timeout: Duration::from_secs(300) }
    }

    /// The same with another time.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// Who waits in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// The number of the slot.
    pub slot: String,
    /// The user who waits.
    pub user: String,
    /// The user who parked them.
    pub parker: String,
}

/// What happened in a parking lot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkEvent {
    /// A call has been parked: in `parked.slot`.
    Parked(Parked),
    /// Another has taken the place of the one who waited, whom the parker had called the lot for.
    Swapped(Parked),
    /// Nobody came in time; the parker is being called.
    TimedOut(Parked),
    /// The one who waited has hung up, or was called back by the parker.
    GivenUp(Parked),
    /// Somebody has called the slot.
    Retrieved {
        /// As it was parked.
        parked: Parked,
        /// The user who called.
        by: String,
    },
}

/// All slots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Those who wait in all lots; `T` is what the owner knows them by.
#[derive(Debug)]
pub(super) struct Parking<T> {
    lots: Vec<Lot>,
    taken: BTreeMap<String, Place<T>>,
}

#[derive(Debug)]
struct Place<T> {
    who: T,
    parked: Parked,
    until: Instant,
}

impl<T: Clone + PartialEq> Parking<T> {
    pub(super) fn new(lots: Vec<Lot>) -> Self {
        Self { lots, taken: BTreeMap::new() }
    }

    /// Whether the number is that of a lot.
    pub(super) fn is_pilot(&self, number: &str) -> bool {
        self.lots.iter().any(|lot| lot.pilot == number)
    }

    /// Whether the number is that of a slot, taken or not.
    pub(super) fn is_slot(&self, number: &str) -> bool {
        number.parse().is_ok_and(|slot| self.lots.iter().any(|lot| lot.slots.contains(&slot)))
    }

    /// All numbers of all lots.
    pub(super) fn numbers(&self) -> impl Iterator<Item = String> {
        self.lots
            .iter()
            .flat_map(|lot| std::iter::once(lot.pilot.clone()).chain(lot.slots.clone().map(|slot| slot.to_string())))
    }

    /// Puts somebody into the first free slot of the lot.
    pub(super) fn park(&mut self, now: Instant, pilot: &str, who: T, user: &str, parker: &str) -> Result<Parked, Full> {
        let lot = self.lots.iter().find(|lot| lot.pilot == pilot).ok_or(Full)?;
        let mut slots = lot.slots.clone().map(|slot| slot.to_string());
        let slot = slots.find(|slot| !self.taken.contains_key(slot)).ok_or(Full)?;
        let parked = Parked { slot: slot.clone(), user: user.to_owned(), parker: parker.to_owned() };
        let until = now + lot.timeout;
        self.taken.insert(slot, Place { who, parked: parked.clone(), until });
        Ok(parked)
    }

    /// Puts somebody back into a slot that they left, unless it is taken.
    pub(super) fn park_again(&mut self, now: Instant, who: T, parked: &Parked) -> Result<(), Full> {
        let number = parked.slot.parse().map_err(|_| Full)?;
        let lot = self.lots.iter().find(|lot| lot.slots.contains(&number)).ok_or(Full)?;
        if self.taken.contains_key(&parked.slot) {
            return Err(Full);
        }
        let until = now + lot.timeout;
        self.taken.insert(parked.slot.clone(), Place { who, parked: parked.clone(), until });
        Ok(())
    }

    /// Takes whoever waits in a slot out of it.
    pub(super) fn take(&mut self, slot: &str) -> Option<(T, Parked)> {
        self.taken.remove(slot).map(|place| (place.who, place.parked))
    }

    /// Another waits from now on in the place of somebody.
    pub(super) fn swap(&mut self, who: &T, with: T, user: &str) -> Option<Parked> {
        let place = self.taken.values_mut().find(|place| place.who == *who)?;
        place.who = with;
        user.clone_into(&mut place.parked.user);
        Some(place.parked.clone())
    }

    /// Takes somebody out of the slot where they wait.
    pub(super) fn leave(&mut self, who: &T) -> Option<Parked> {
        let slot = self.taken.values().find(|place| place.who == *who)?.parked.slot.clone();
        self.take(&slot).map(|(_, parked)| parked)
    }

    /// Takes out whoever has waited long enough.
    pub(super) fn poll_timed_out(&mut self, now: Instant) -> Option<(T, Parked)> {
        let slot = self.taken.values().find(|place| place.until <= now)?.parked.slot.clone();
        self.take(&slot)
    }

    /// When the next has waited long enough.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.taken.values().map(|place| place.until).min()
    }

    /// Who waits, by slot.
    pub(super) fn all(&self) -> impl Iterator<Item = &Parked> {
        self.taken.values().map(|place| &place.parked)
    }
}
