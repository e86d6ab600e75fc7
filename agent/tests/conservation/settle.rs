//! The end of a schedule: all becomes quiet, and then everything must add up.
//!
//! In: a schedule whose steps are done. Out: what it was, or what does not add up.
//! Invariant: a daemon runs, and is waited for until its counts have settled. Lacks on
//! purpose: steps.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::arena::may_be_full;
use super::daemon::Daemon;
use super::life::Life;
use super::model::{Allowed, Alone, Told};
use super::play::{Outcome, Play};
use super::relay::Outage;
use super::schedule::Kind;

const POLL: Duration = Duration::from_millis(250);

impl Play<'_> {
    /// Waits until everything adds up, or long enough.
    pub(super) fn settle(&mut self) -> Result<Outcome, String> {
        for watched in self.lives.iter_mut().filter(|watched| watched.life.lives()) {
            watched.life.rest()?;
        }
        if let Some((_, relay)) = &self.engine {
            relay.set(Outage::None)?;
        }
        self.daemon.iter_mut().for_each(Daemon::thaw);
        self.start(false)?;
        let by_any_name = self.expected();
        let mut expected = self.expected();
        for (one, watched) in expected.iter_mut().zip(&self.lives) {
            if watched.life.lives() {
                // The engine answers again, so it is known by its name alone.
                one.names.truncate(1);
            }
        }
        let allowed = Allowed {
            overflow: may_be_full(),
            limits: self.kind == Kind::Narrow,
        };
        let host = self.host.as_ref().map(Life::refused);
        let alone = self.kind.is_alone().then_some(Alone {
            containers: self.lives.len() as u64 + self.churned,
            host: host.unwrap_or_default(),
        });
        let begun = Instant::now();
        loop {
            let daemon = self.daemon.as_ref().ok_or("no daemon")?;
            let told = Told::of(&daemon.scrape()?);
            self.climbs(&told, &by_any_name)?;
            match told.conserved(&expected, &self.before, allowed, alone) {
                Ok(stated) => {
                    self.outcome.stated = stated;
                    break;
                }
                Err(why) if begun.elapsed() > self.arena.patience => return Err(why),
                Err(_) => sleep(POLL),
            }
        }
        if let Some(daemon) = &self.daemon {
            self.events.extend(daemon.events()?);
        }
        self.attributed()?;
        let lives = &self.lives;
        self.outcome.lives = lives.len();
        self.outcome.provoked = lives.iter().flat_map(|one| one.life.refused()).sum();
        self.outcome.unwatched = lives.iter().flat_map(|one| one.maybe).sum();
        Ok(std::mem::take(&mut self.outcome))
    }

    /// Every event's path lies in its own container's part of the ground.
    fn attributed(&self) -> Result<(), String> {
        let root = self.arena.ground().to_string_lossy().into_owned();
        for event in &self.events {
            let text = |at| {
                event
                    .pointer(at)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (id, path) = (text("/container/id"), text("/path"));
            let part = path
                .split('/')
                .find_map(|word| word.strip_prefix('s')?.parse::<usize>().ok());
            let owner = self.lives.iter().find(|one| one.life.id == id);
            let strange = match owner {
                Some(owner) => part.is_some() && part != Some(owner.life.part),
                None => {
                    !id.is_empty() && path.starts_with(&root) && !self.arena.earlier.contains(id)
                }
            };
            if strange {
                return Err(format!("an event of another container: {event}"));
            }
        }
        Ok(())
    }
}
