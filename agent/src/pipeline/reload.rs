//! Settings that were read again reach the stages that go by them.
//!
//! In: [`Order`]s. Out: calls of the stages, and what is shown of it. Invariant:
//! what is known of containers under settings that stay the same is kept. Lacks
//! on purpose: reading settings.

use std::time::SystemTime;

use tokio::sync::mpsc;

use super::{Now, Pipeline};
use crate::aggregate::Loaded;
use crate::contract::Declared;
use crate::degrade::Thresholds;
use crate::source::Source;

/// What became of an attempt to read the settings again.
#[derive(Debug)]
pub enum Order {
    /// They are in force from now on.
    Take(Box<Reload>),
    /// They were bad, and the old ones stay.
    Refused,
}

/// The settings of the hot path that can change while it runs.
#[derive(Debug)]
pub struct Reload {
    /// Contracts in force.
    pub contracts: Vec<Declared>,
    /// Containers whose successful writes are counted.
    pub inventory: Vec<String>,
    /// When a container is called degraded.
    pub thresholds: Thresholds,
}

/// Where orders come from, and how the last one ended.
#[derive(Debug)]
pub(super) struct Orders {
    receiver: Option<mpsc::Receiver<Order>>,
    loaded: Loaded,
}

impl Default for Orders {
    /// Settings were read well, or there would be no pipeline.
    fn default() -> Self {
        Orders {
            receiver: None,
            loaded: Loaded {
                successful: true,
                time: Some(SystemTime::now()),
            },
        }
    }
}

impl Orders {
    pub(super) const fn loaded(&self) -> Loaded {
        self.loaded
    }
}

impl<S: Source> Pipeline<S> {
    /// Takes settings from there while it runs.
    pub fn with_orders(mut self, receiver: mpsc::Receiver<Order>) -> Self {
        self.orders.receiver = Some(receiver);
        self
    }

    /// Takes in what was read since the last time.
    pub(super) fn follow_orders(&mut self, now: Now) {
        while let Some(Ok(order)) = self.orders.receiver.as_mut().map(mpsc::Receiver::try_recv) {
            // It is shown with the next snapshot.
            self.names_changed = true;
            let Order::Take(reload) = order else {
                self.orders.loaded.successful = false;
                continue;
            };
            self.orders.loaded = Loaded {
                successful: true,
                time: Some(now.wall),
            };
            let Reload {
                contracts,
                inventory,
                thresholds,
            } = *reload;
            self.breaches.replace(contracts);
            self.switches.replace(inventory);
            self.judge.replace(thresholds);
        }
    }
}
