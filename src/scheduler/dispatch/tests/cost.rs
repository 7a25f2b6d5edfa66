//! What scheduling costs: a measurement for `make bench-cost`, and the bound on memory, which is a count and so a test.

use super::*;

/// Answers at once, with the headers of a rate limit that never binds.
struct Instantly {
    headers: HeaderMap,
}

impl Instantly {
    fn new() -> Arc<Instantly> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ratelimit-limit-requests", "1000000000"),
            ("x-ratelimit-remaining-requests", "999999999"),
            ("x-ratelimit-reset-requests", "1ms"),
            ("x-ratelimit-limit-tokens", "1000000000"),
            ("x-ratelimit-remaining-tokens", "999999999"),
            ("x-ratelimit-reset-tokens", "1ms"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Arc::new(Instantly { headers })
    }
}

impl Transport for Instantly {
    fn send<'a>(
        &'a self,
        _: &'a Call,
        _: u32,
        watcher: &'a Arc<dyn Watcher>,
    ) -> BoxFuture<'a, std::result::Result<Answer, Failure>> {
        Box::pin(async move {
            watcher.sent();
            // Where the network would be waited for, others have their turn.
            tokio::task::yield_now().await;
            watcher.answered(200, &self.headers);
            Ok(Answer {
                status: 200,
                headers: self.headers.clone(),
                body: Body::Whole(b"{}".to_vec()),
            })
        })
    }
}

struct Nobody;

impl Watcher for Nobody {
    fn sent(&self) {}
    fn answered(&self, _: u16, _: &HeaderMap) {}
}

/// CPU time of this process, all threads, user and system.
fn cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the timespec is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const AT_ONCE: usize = 64;

/// Microseconds of CPU of a request through the scheduler, from submit to event.
fn scheduled(runtime: &tokio::runtime::Runtime, transport: &Arc<Instantly>, n: usize) -> f64 {
    let _inside = runtime.enter();
    let policy = Current::new(Policy {
        max_concurrent_requests: AT_ONCE as u32,
        queue_size: n as u32,
        identity: 0x0c05_7000 + n as u64,
        ..policy()
    });
    let scheduler = Scheduler::new(
        runtime.handle().clone(),
        transport.clone(),
        policy,
        Arc::default(),
        Tokens::new(|| 1),
    );
    let queue = EventQueue::new();
    let before = cpu();
    for id in 0..n {
        let sink = Sink::Queue {
            queue: queue.clone(),
            tag: 0,
        };
        scheduler
            .submit(id as u64 + 1, Bench::job("/embeddings"), sink, false)
            .unwrap();
    }
    let mut left = n;
    while left > 0 {
        // Not woken by each event: what that costs is the host's to choose.
        std::thread::sleep(Duration::from_millis(5));
        left -= queue.take(n).len();
    }
    (cpu() - before).as_secs_f64() * 1e6 / n as f64
}

/// The same calls in a bare loop of as many tasks as may be in flight.
fn bare(runtime: &tokio::runtime::Runtime, transport: &Arc<Instantly>, n: usize) -> f64 {
    let before = cpu();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let transport = transport.clone();
            tasks.spawn(async move {
                let watcher: Arc<dyn Watcher> = Arc::new(Nobody);
                for _ in 0..n / AT_ONCE {
                    let job = Bench::job("/embeddings");
                    let answer = transport.send(&job.call, 0, &watcher).await;
                    assert!(answer.is_ok_and(|answer| answer.status == 200));
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
    (cpu() - before).as_secs_f64() * 1e6 / n as f64
}

#[test]
#[ignore = "a measurement: make bench-cost"]
fn what_scheduling_costs() {
    const N: usize = 64_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let transport = Instantly::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        with.push(scheduled(&runtime, &transport, N));
        without.push(bare(&runtime, &transport, N));
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (with, without) = (median(&mut with), median(&mut without));
    println!(
        "CPU a request, {N} of them, {AT_ONCE} at once, a transport that answers at once, median of 9:"
    );
    println!(
        "  scheduled {with:.2} us, bare {without:.2} us, scheduling {:.2} us (to reach: 5)",
        with - without
    );
}
