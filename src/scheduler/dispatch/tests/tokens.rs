//! Bearer tokens that rotate: one question at a time, and what happens to those who wait for the answer.

use super::*;
use crate::completion::TokenSource;

/// A bench whose tokens are asked for in the queue that comes with it.
fn rotating(policy: Policy, steps: Vec<Step>) -> (Bench, Arc<EventQueue>) {
    let bench = Bench::new(policy, steps);
    let questions = EventQueue::new();
    ask_in(&bench, &questions);
    (bench, questions)
}

fn ask_in(bench: &Bench, questions: &Arc<EventQueue>) {
    let queue = questions.clone();
    drop(
        bench
            .tokens
            .set_source(Some(TokenSource::Queue { queue, tag: 7 })),
    );
    bench.scheduler.tokens_changed();
}

/// The questions that were put since the last look.
fn asked(questions: &EventQueue) -> Vec<u64> {
    let records = questions.take(100);
    assert!(
        records
            .iter()
            .all(|record| record.kind == Kind::TokenWanted && record.tag == 7)
    );
    records.iter().map(|record| record.id).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn provide(bench: &Bench, wanted: u64, life: Option<u64>) -> bool {
    let life = life.map(ms);
    let taken = bench.tokens.provide(wanted, life, Instant::now(), || ());
    bench.scheduler.tokens_changed();
    taken
}

fn refused(message: &str) -> String {
    format!("no bearer token: {message}")
}

#[tokio::test(start_paused = true)]
async fn all_wait_for_one_answer_and_hold_no_slot() {
    let (bench, questions) = rotating(exact(), vec![]);
    for n in 0..8 {
        bench.submit(&format!("/{n}"));
    }
    // A key of its own lets a request pass.
    let mut own = Bench::job("/own");
    own.scope = "other".into();
    own.call.headers = Box::new([(http::header::AUTHORIZATION, HeaderValue::from_static("x"))]);
    bench.try_submit(own).unwrap();
    assert_eq!(bench.events(1).await, [Seen::Done(9, status::OK)]);
    tokio::time::sleep(ms(5000)).await;
    assert_eq!(bench.paths(), ["/own"]);
    assert_eq!(bench.scheduler.report().binding.name(), "bearer_token");
    let wanted = asked(&questions);
    assert_eq!(wanted.len(), 1, "{wanted:?}");
    assert!(!provide(&bench, wanted[0] + 1000, None));
    assert!(provide(&bench, wanted[0], None));
    assert!(!provide(&bench, wanted[0], None), "it was answered");
    let done = bench.events(8).await;
    assert!(done.iter().all(|e| matches!(e, Seen::Done(_, status::OK))));
    assert_eq!(bench.paths()[1..6], ["/0", "/1", "/2", "/3", "/4"]);
    assert_eq!(asked(&questions), [0u64; 0]);
    assert_eq!(bench.scheduler.report().binding.name(), "nothing");
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_keep_their_deadlines_and_can_be_cancelled() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench
        .try_submit(NewJob {
            timeout: Some(ms(300)),
            ..Bench::job("/deadline")
        })
        .unwrap();
    let cancelled = bench.submit("/cancelled");
    let started = Instant::now();
    assert!(bench.scheduler.cancel(cancelled));
    assert_eq!(
        bench.events(1).await,
        [Seen::Done(cancelled, status::CANCELLED)]
    );
    let late = bench.response().await;
    assert_eq!((late.status(), late.attempts), (status::DEADLINE, 0));
    assert!((300..305).contains(&started.elapsed().as_millis()));
    assert!(bench.paths().is_empty());
    // The question stays open: the next one waits for the same answer.
    let wanted = asked(&questions);
    bench.submit("/next");
    assert_eq!((wanted.len(), asked(&questions).len()), (1, 0));
    provide(&bench, wanted[0], None);
    assert_eq!(bench.events(1).await, [Seen::Done(3, status::OK)]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_before_its_end_while_it_still_serves() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench.submit("/1");
    provide(&bench, asked(&questions)[0], Some(10_000));
    bench.events(1).await;
    tokio::time::sleep(ms(7900)).await;
    assert_eq!(asked(&questions).len(), 0);
    // Four fifths of its life: nobody need come for it.
    tokio::time::sleep(ms(100)).await;
    let wanted = asked(&questions);
    assert_eq!(wanted.len(), 1);
    bench.submit("/2");
    assert_eq!(bench.events(1).await, [Seen::Done(2, status::OK)]);
    // Without an answer the old one serves to its end, and no longer.
    tokio::time::sleep(ms(2000)).await;
    bench.submit("/3");
    tokio::time::sleep(ms(500)).await;
    assert_eq!(bench.paths(), ["/1", "/2"]);
    provide(&bench, wanted[0], Some(3_600_000));
    assert_eq!(bench.events(1).await, [Seen::Done(3, status::OK)]);
    // Of a longer life it is the last minute.
    tokio::time::sleep(ms(3_539_900)).await;
    assert_eq!(asked(&questions).len(), 0);
    tokio::time::sleep(ms(100)).await;
    let wanted = asked(&questions);
    assert_eq!(wanted.len(), 1);
    // One that nobody uses is replaced when somebody needs it, not before.
    provide(&bench, wanted[0], Some(10_000));
    tokio::time::sleep(ms(100_000)).await;
    assert_eq!(asked(&questions).len(), 0);
    bench.submit("/4");
    assert_eq!(asked(&questions).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_401_asks_once_sends_once_more_and_costs_no_retry() {
    let none = Policy {
        max_retries: 0,
        ..exact()
    };
    let refusal = || Step::Answer {
        after: 10,
        status: 401,
        headers: vec![],
        body: r#"{"error":{"message":"expired"}}"#,
    };
    let (bench, questions) = rotating(
        none,
        vec![refusal(), refusal(), ok_after(10), refusal(), ok()],
    );
    bench.submit("/1");
    bench.submit("/2");
    provide(&bench, asked(&questions)[0], None);
    tokio::time::sleep(ms(50)).await;
    let wanted = asked(&questions);
    assert_eq!(wanted.len(), 1, "both were refused, one question is put");
    bench.submit("/3");
    tokio::time::sleep(ms(50)).await;
    assert_eq!(
        bench.paths(),
        ["/1", "/2"],
        "nobody goes with a token that was refused"
    );
    provide(&bench, wanted[0], None);
    let mut responses = Vec::new();
    for _ in 0..3 {
        responses.push(bench.response().await);
    }
    responses.sort_by_key(|response| response.id);
    let outcomes: Vec<_> = responses
        .iter()
        .map(|response| (response.status(), response.attempts))
        .collect();
    assert_eq!(
        outcomes,
        [
            (status::OK, 2),
            (status::HTTP_AUTHENTICATION, 2),
            (status::OK, 1)
        ]
    );
    let message = &responses[1].error.as_ref().unwrap().message;
    assert!(
        message.contains("expired") && message.contains("token provider"),
        "{message}"
    );
    // A second refusal says nothing of the token: the others go on with it.
    assert_eq!(asked(&questions).len(), 0);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_provider_a_401_is_an_error_at_once() {
    let bench = Bench::new(exact(), vec![status(401)]);
    bench.submit("/1");
    let response = bench.response().await;
    assert_eq!(
        (response.status(), response.attempts),
        (status::HTTP_AUTHENTICATION, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_those_who_wait_and_the_next_asks_again() {
    let (bench, questions) = rotating(exact(), vec![status(500)]);
    for n in 0..7 {
        bench.submit(&format!("/{n}"));
    }
    let wanted = asked(&questions)[0];
    assert!(bench.scheduler.refuse_token(wanted, "the vault is sealed"));
    assert!(!bench.scheduler.refuse_token(wanted, "again"));
    for n in 1..=7 {
        let response = bench.response().await;
        assert_eq!((response.id, response.status()), (n, status::NO_API_KEY));
        let message = response.error.unwrap().message;
        assert_eq!(message, refused("the vault is sealed"));
    }
    bench.submit("/backoff");
    let wanted = asked(&questions)[0];
    provide(&bench, wanted, Some(500));
    // Its attempt fails, and while it waits the token ends: the next attempt asks for one.
    tokio::time::sleep(ms(900)).await;
    assert_eq!(bench.paths(), ["/backoff"]);
    // What had been asked for in the last fifth of the token's life is refused, and nobody waits.
    let wanted = asked(&questions)[0];
    assert!(bench.scheduler.refuse_token(wanted, "not yet"));
    tokio::time::sleep(ms(200)).await;
    provide(&bench, asked(&questions)[0], None);
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::OK, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_while_the_token_holds_only_puts_the_question_off() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench.submit("/1");
    provide(&bench, asked(&questions)[0], Some(10_000));
    tokio::time::sleep(ms(8000)).await;
    bench.events(1).await;
    for wait in [1010, 510, 260] {
        let wanted = asked(&questions);
        assert_eq!(wanted.len(), 1, "{wait}");
        bench.scheduler.refuse_token(wanted[0], "later");
        tokio::time::sleep(ms(wait)).await;
    }
    bench.submit("/2");
    assert_eq!(bench.events(1).await, [Seen::Done(2, status::OK)]);
}

#[tokio::test(start_paused = true)]
async fn another_provider_is_asked_anew_and_the_old_question_is_void() {
    let (bench, old) = rotating(exact(), vec![]);
    bench.submit("/1");
    let new = EventQueue::new();
    ask_in(&bench, &new);
    // It had not been read yet, and is not to be answered any more.
    assert_eq!(asked(&old).len(), 0);
    let wanted = asked(&new);
    assert_eq!(wanted.len(), 1);
    ask_in(&bench, &old);
    assert!(!provide(&bench, wanted[0], None));
    assert!(!bench.scheduler.refuse_token(wanted[0], "too late"));
    assert!(bench.paths().is_empty());
    // None at all: those who wait go without.
    drop(bench.tokens.set_source(None));
    bench.scheduler.tokens_changed();
    assert_eq!(bench.events(1).await, [Seen::Done(1, status::OK)]);
    assert_eq!(asked(&old).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_in_a_freed_queue_is_refused() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench.submit("/1");
    questions.close();
    for id in [1, 2] {
        let response = bench.response().await;
        assert_eq!((response.id, response.status()), (id, status::NO_API_KEY));
        assert!(response.error.unwrap().message.contains("was freed"));
        if id == 1 {
            bench.submit("/2");
        }
    }
    assert!(bench.paths().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_overdue_answer_is_one_warning() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench.submit("/1");
    tokio::time::sleep(ms(29_000)).await;
    assert_eq!(bench.tokens.tick(Instant::now()), (false, None));
    let next = bench.tokens.next_change().unwrap();
    assert_eq!((next - Instant::now()).as_millis(), 1000);
    // The scheduler's own timer gives the warning.
    tokio::time::sleep(ms(2_000)).await;
    assert_eq!(bench.tokens.next_change(), None);
    assert_eq!(bench.tokens.tick(Instant::now()), (false, None));
    provide(&bench, asked(&questions)[0], None);
    assert_eq!(bench.events(1).await, [Seen::Done(1, status::OK)]);
}

#[tokio::test(start_paused = true)]
async fn a_freed_client_ends_those_who_wait() {
    let (bench, questions) = rotating(exact(), vec![]);
    bench.submit("/1");
    bench.scheduler.stop(Stop::Freed);
    drop(bench.tokens.set_source(None));
    assert_eq!(bench.events(1).await, [Seen::Done(1, status::CANCELLED)]);
    assert_eq!(asked(&questions).len(), 0);
}
