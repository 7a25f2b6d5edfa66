//! The timer of a slot, for the many deadlines of the attempts that it makes.
//!
//! Nearly every attempt is over long before its time, and the next one's time is later. So the timer is not set anew
//! for each, which takes a lock of the runtime twice: it goes off at the time that it has, and only then is set to the
//! one that counts.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is made at the first wait.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

/// The time was over first.
pub(super) struct TooLate;

impl Alarm {
    /// Waits for `work` until `until`. Work that is ready is taken, however late.
    pub async fn within<T>(
        &mut self,
        until: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, TooLate> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(until, context).map(|()| Err(TooLate)),
        })
        .await
    }

    fn poll(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        // Work that has used up what a task may do at a time would leave nothing for the timer, each time anew.
        while pin!(unconstrained(timer.as_mut())).poll(context).is_ready() {
            if timer.deadline() >= until {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_time() {
        let mut alarm = Alarm::default();
        let begin = Instant::now();
        // Later than the one before, earlier, in the past, and later again after it went off.
        for (ms, over) in [(100, 100), (250, 250), (20, 250), (300, 300), (400, 400)] {
            let until = begin + Duration::from_millis(ms);
            assert!(alarm.within(until, pending::<()>()).await.is_err());
            assert_eq!(begin.elapsed(), Duration::from_millis(over));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_time_than_the_one_that_is_set_holds() {
        let mut alarm = Alarm::default();
        let begin = Instant::now();
        let (soon, late) = (Duration::from_millis(50), Duration::from_millis(900));
        let work = tokio::time::sleep(Duration::from_millis(10));
        assert!(alarm.within(begin + late, work).await.is_ok());
        assert!(alarm.within(begin + soon, pending::<()>()).await.is_err());
        assert_eq!(begin.elapsed(), soon);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_uses_up_its_turns_is_ended_in_time() {
        let until = Instant::now() + Duration::from_millis(100);
        tokio::spawn(tokio::time::advance(Duration::from_secs(1)));
        let busy = async {
            for _ in 0..1_000_000 {
                tokio::task::consume_budget().await;
            }
        };
        assert!(Alarm::default().within(until, busy).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_taken_however_late() {
        let mut alarm = Alarm::default();
        let until = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(matches!(alarm.within(until, async { 7 }).await, Ok(7)));
    }
}
