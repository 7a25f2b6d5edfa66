//! The script of a server: hands each request the first rule that matches it and has uses left.
//!
//! `accept` asks before a connection is read, `handle` when a head has arrived and again with the body. Nothing here
//! touches a socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::matching::Head;
use crate::rule::{DropAt, Rule};
use crate::sketch::Sketch;

/// What the script has for a request.
pub(crate) enum Found {
    Nothing,
    Rule(Arc<Rule>),
    /// The first rule that may match looks into the body.
    NeedsBody,
}

struct Slot {
    rule: Arc<Rule>,
    left: Option<u64>,
}

/// The rules in the order they were added.
#[derive(Default)]
pub(crate) struct Script {
    slots: Mutex<Vec<Slot>>,
    /// The number of slots: requests of an unscripted server take no lock.
    count: AtomicUsize,
}

impl Script {
    fn with_slots<T>(&self, act: impl FnOnce(&mut Vec<Slot>) -> T) -> T {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut slots);
        self.count.store(slots.len(), Ordering::SeqCst);
        result
    }

    /// Appends rules; all or none.
    pub(crate) fn add(&self, rules: Vec<Rule>) -> Result<(), String> {
        for rule in &rules {
            rule.check()?;
        }
        self.with_slots(|slots| {
            slots.extend(rules.into_iter().map(|rule| Slot {
                left: rule.times,
                rule: Arc::new(rule),
            }));
        });
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.with_slots(Vec::clear);
    }

    /// Rules that have uses left.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether a rule wants to see connections before they are read.
    pub(crate) fn has_before_read(&self) -> bool {
        self.len() > 0
            && self.with_slots(|slots| {
                slots
                    .iter()
                    .any(|slot| slot.rule.drop == Some(DropAt::BeforeRead))
            })
    }

    /// Takes the `before_read` rule for a request of which only the first line is known, if one is next for it.
    pub(crate) fn before_read(&self, method: &str, path: &str) -> Option<Arc<Rule>> {
        self.with_slots(|slots| {
            let place = slots
                .iter()
                .position(|slot| slot.rule.matching.first_line(method, path))?;
            let rule = &slots[place].rule;
            let decided = rule.drop == Some(DropAt::BeforeRead)
                && rule.matching.headers.is_empty()
                && !rule.matching.needs_body();
            decided.then(|| use_slot(slots, place))
        })
    }

    /// Takes the rule for a request whose head has arrived.
    pub(crate) fn at_head(&self, head: &Head<'_>) -> Found {
        if self.len() == 0 {
            return Found::Nothing;
        }
        self.with_slots(|slots| {
            let Some(place) = slots.iter().position(|slot| slot.rule.matching.head(head)) else {
                return Found::Nothing;
            };
            if slots[place].rule.matching.needs_body() {
                return Found::NeedsBody;
            }
            Found::Rule(use_slot(slots, place))
        })
    }

    /// Takes the rule for a request that has been read.
    pub(crate) fn at_body(&self, head: &Head<'_>, body: &[u8]) -> Option<Arc<Rule>> {
        let model = Sketch::of(body).model;
        self.with_slots(|slots| {
            let place = slots.iter().position(|slot| {
                slot.rule.matching.head(head) && slot.rule.matching.body(body, model.as_deref())
            })?;
            Some(use_slot(slots, place))
        })
    }
}

fn use_slot(slots: &mut Vec<Slot>, place: usize) -> Arc<Rule> {
    let slot = &mut slots[place];
    let rule = slot.rule.clone();
    if let Some(left) = &mut slot.left {
        *left -= 1;
        if *left == 0 {
            slots.remove(place);
        }
    }
    rule
}

#[cfg(test)]
#[path = "script/tests.rs"]
mod tests;
