//! How requests come to their fallbacks: the steps of [`State`] that move them, by the rules of [`fallback`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::breaker::BreakerState;
use super::super::fallback;
use super::super::gate::time;
use super::super::job::{Asked, Job};
use super::super::line::Scope;
use super::super::policy::Policy;
use super::super::retry::Trouble;
use super::{Doomed, State};
use crate::sync::lock;
use crate::transport::Content;

impl State {
    /// Sends a request that comes elsewhere, if its wait here is too long, or longer than it has.
    pub fn consider_elsewhere(&mut self, job: &mut Job, policy: &Arc<Policy>, now: Instant) {
        if job.elsewhere == 0 {
            return;
        }
        self.follow(policy, now);
        let scope = job.scope.clone();
        let here = self.wait_in(&scope, job.tokens, now);
        self.try_elsewhere(job, policy, here, now);
    }

    /// Sends the next request elsewhere if its lane is held back for too long.
    pub(super) fn divert_next(&mut self, policy: &Policy, until: Instant, now: Instant) -> bool {
        let Some(job) = self.line.next(usize::MAX).filter(|job| job.elsewhere != 0) else {
            return false;
        };
        let (lane, tokens, enough) = (job.scope.clone(), job.tokens, enough(job, policy, now));
        let wait = until - now;
        // Those behind it may wait too long although it does not: then it goes where it need not wait at all.
        if wait <= enough && self.wait_in(&lane, tokens, now) <= enough {
            return false;
        }
        let Some(mut job) = self.line.take_next() else {
            return false;
        };
        let waits = self.waits(&job, policy, now);
        let place = match wait > enough {
            true => fallback::choose(wait, enough, waits.into_iter()),
            false => waits
                .iter()
                .find(|(_, wait)| wait.is_zero())
                .map(|(place, _)| *place),
        };
        if let Some(place) = place {
            self.move_to(&mut job, policy, place);
        }
        self.line.enqueue(job);
        place.is_some()
    }

    /// Whether a request whose attempts have ended here may be made at another place: the failure is this one's, and
    /// nothing is done twice that must not be.
    pub(super) fn may_try_elsewhere(&self, job: &Job, trouble: &Trouble, policy: &Policy) -> bool {
        let harm = matches!(trouble, Trouble::NoAnswer { sent: true, .. })
            && !job.may_repeat
            && !policy.retry_unsafe;
        job.elsewhere != 0 && !harm && fallback::is_of_the_place(trouble)
    }

    /// Those of `doomed` that can go elsewhere in time do; the others are given back.
    pub(super) fn spare(
        &mut self,
        doomed: Doomed,
        policy: &Policy,
        wait: Duration,
        now: Instant,
    ) -> Doomed {
        let mut lost = Vec::new();
        for mut job in doomed {
            if self.try_elsewhere(&mut job, policy, wait, now) {
                self.line.enqueue(job);
            } else {
                lost.push(job);
            }
        }
        lost
    }

    /// Makes `job` one of another place's lane if it waits less there than `here`.
    pub(super) fn try_elsewhere(
        &mut self,
        job: &mut Job,
        policy: &Policy,
        here: Duration,
        now: Instant,
    ) -> bool {
        if job.elsewhere == 0 {
            return false;
        }
        let enough = enough(job, policy, now);
        if here <= enough {
            return false;
        }
        let waits = self.waits(job, policy, now);
        let Some(place) = fallback::choose(here, enough, waits.into_iter()) else {
            return false;
        };
        self.move_to(job, policy, place);
        true
    }

    /// The waits at the places that are open to a request, without those that outlast its deadline.
    fn waits(&mut self, job: &Job, policy: &Policy, now: Instant) -> Vec<(u8, Duration)> {
        let mut waits = Vec::new();
        for (index, _) in policy.fallbacks.iter().enumerate().take(fallback::MOST) {
            if job.elsewhere & (1 << index) != 0 {
                let place = index as u8 + 1;
                let lane = self.lane_at(job, policy, place);
                let wait = self.wait_in(&lane, job.tokens, now);
                if job.deadline.is_none_or(|deadline| now + wait < deadline) {
                    waits.push((place, wait));
                }
            }
        }
        waits
    }

    /// The least wait of a request that joins a lane now.
    fn wait_in(&mut self, lane: &Scope, tokens: u64, now: Instant) -> Duration {
        let ahead = self.line.ahead(lane);
        let way = self.way(lane.clone());
        let limits = way.gate.least_wait(now, ahead, tokens);
        let broken = way.breaker.as_ref().map(|breaker| lock(breaker).state());
        match broken {
            Some(BreakerState::Open { until }) => limits.max(until.saturating_sub(time(now))),
            _ => limits,
        }
    }

    /// The lane of a request at a fallback. Its name is what statistics show.
    fn lane_at(&mut self, job: &Job, policy: &Policy, place: u8) -> Scope {
        let own = job.asked.as_ref().map_or(&job.scope, |asked| &asked.scope);
        let model = &policy.fallbacks[usize::from(place) - 1].model;
        let group: Scope = match model {
            Some(model) => policy.group_of(model).into(),
            None => own.clone(),
        };
        let lane: Scope = format!("{group} (fallback {place})").into();
        self.elsewhere
            .entry(lane.clone())
            .or_insert_with(|| (place, group));
        lane
    }

    fn move_to(&mut self, job: &mut Job, policy: &Policy, place: u8) {
        let lane = self.lane_at(job, policy, place);
        let asked = job.asked.get_or_insert_with(|| {
            Box::new(Asked {
                scope: job.scope.clone(),
                body: job.call.body.clone(),
                model: job.call.model.clone(),
            })
        });
        let other = policy.fallbacks[usize::from(place) - 1].model.clone();
        let replaced = match (&other, &asked.body) {
            (Some(model), Content::Bytes(body)) if asked.model.as_ref() != Some(model) => {
                fallback::with_model(body, model)
            }
            _ => None,
        };
        match replaced {
            Some(body) => (job.call.body, job.call.model) = (Content::Bytes(body), other),
            None => (job.call.body, job.call.model) = (asked.body.clone(), asked.model.clone()),
        }
        job.scope = lane;
        job.elsewhere &= !(1 << (place - 1));
        job.call.place = place;
        // The tokens that the host brings are for the places that take them.
        job.own_key |= !policy.fallbacks[usize::from(place) - 1].rotating;
        job.retries = 0;
        self.stats.fell_back();
        tracing::info!("request {}: goes to fallback {place}", job.rank.id);
    }
}

/// The wait that a request stays for: what the settings say, or what its deadline leaves.
fn enough(job: &Job, policy: &Policy, now: Instant) -> Duration {
    let left = job
        .deadline
        .map(|deadline| deadline.saturating_duration_since(now));
    left.map_or(policy.fallback_after, |left| {
        left.min(policy.fallback_after)
    })
}
