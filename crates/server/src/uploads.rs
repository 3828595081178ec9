//! Bounds how many large bodies are in memory at once, in all and of each client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::concurrency::try_acquire;
use crate::options::Limits;
use crate::problem::{Problem, ProblemKind};

/// Slots for uploads.
pub(crate) struct UploadSlots {
    free: Arc<Semaphore>,
    per_client: usize,
    taken: Mutex<HashMap<Client, usize>>,
}

/// Where requests come from; `None`: unknown.
type Client = Option<IpAddr>;

/// A slot for one upload, until dropped.
pub(crate) struct UploadSlot {
    slots: Arc<UploadSlots>,
    client: Client,
    _permit: OwnedSemaphorePermit,
}

impl UploadSlots {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limits.uploads)),
            per_client: limits.uploads_per_client,
            taken: Mutex::default(),
        }
    }

    /// A slot for an upload from `address`.
    pub(crate) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<UploadSlot, Problem> {
        let client = address.map(network);
        let mut taken = self.taken();
        let own = taken.get(&client).copied().unwrap_or_default();
        if own >= self.per_client {
            return Err(Problem::new(
                ProblemKind::Overloaded,
                format!("{own} uploads from your address are arriving; try again in a second"),
            ));
        }
        let permit = try_acquire(&self.free)?;
        taken.insert(client, own + 1);
        Ok(UploadSlot {
            slots: Arc::clone(self),
            client,
            _permit: permit,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UploadSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        if let Some(own) = taken.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

/// What stands for one client: with IPv6, a client has a network of 64 bits to choose addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(uploads: usize, uploads_per_client: usize) -> Arc<UploadSlots> {
        Arc::new(UploadSlots::new(&Limits {
            uploads,
            uploads_per_client,
            ..Limits::default()
        }))
    }

    #[test]
    fn client_leaves_slots_to_others() {
        let slots = slots(3, 2);
        let take = |address: &str| slots.take(Some(address.parse().unwrap()));
        let held = [take("10.0.0.1").unwrap(), take("10.0.0.1").unwrap()];
        assert!(take("10.0.0.1").is_err());
        assert!(take("::ffff:10.0.0.1").is_err(), "the same address");
        let other = take("10.0.0.2").unwrap();
        assert!(take("10.0.0.3").is_err(), "all are taken");
        drop(held);
        assert!(take("10.0.0.1").is_ok());
        drop(other);
        assert!(slots.taken().is_empty());
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let slots = slots(3, 1);
        let take = |address: &str| slots.take(Some(address.parse().unwrap()));
        let _held = take("2001:db8::1").unwrap();
        assert!(take("2001:db8::ffff:2").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
    }
}
