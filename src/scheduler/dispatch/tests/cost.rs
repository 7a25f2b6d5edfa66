//! What scheduling costs: a measurement for `make bench-cost`. What a waiting request holds is counted in tests/queued.rs.

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

/// What this process has used, all threads.
#[derive(Clone, Copy)]
struct Used {
    /// Microseconds of CPU, user and system.
    cpu: f64,
    /// Times that a thread had to wait for another, or for its turn.
    switches: f64,
    /// Pages that were touched for the first time.
    faults: f64,
}

impl Used {
    fn now() -> Used {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: all zero is a valid rusage; both structs are writable.
        let usage = unsafe {
            libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        Used {
            cpu: time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3,
            switches: (usage.ru_nvcsw + usage.ru_nivcsw) as f64,
            faults: usage.ru_minflt as f64,
        }
    }

    /// Since then, for each of `n`.
    fn since(then: Used, n: usize) -> Used {
        let (now, n) = (Used::now(), n as f64);
        Used {
            cpu: (now.cpu - then.cpu) / n,
            switches: (now.switches - then.switches) / n,
            faults: (now.faults - then.faults) / n,
        }
    }
}

const AT_ONCE: usize = 64;

/// What a request takes through the scheduler, from submit to event.
fn scheduled(runtime: &tokio::runtime::Runtime, transport: &Arc<Instantly>, n: usize) -> Used {
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
    let before = Used::now();
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
    Used::since(before, n)
}

/// The same calls in a bare loop of as many tasks as may be in flight.
fn bare(runtime: &tokio::runtime::Runtime, transport: &Arc<Instantly>, n: usize) -> Used {
    let before = Used::now();
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
    Used::since(before, n)
}

/// Keeps this thread, and those that it starts from now on, to one processor.
fn keep_to_one_processor() {
    // SAFETY: all zero is an empty set; the set lives and has the size that is told.
    let kept = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    assert_eq!(kept, 0, "a thread may choose among its processors");
}

#[test]
#[ignore = "a measurement: make bench-cost"]
fn what_scheduling_costs() {
    println!(
        "CPU a request, {N} of them, {AT_ONCE} at once, a transport that answers at once, median of 9 (least to most):"
    );
    // Where the host and the runtime run at the same time, each waits for memory that the other has just written; how
    // long is the machine's affair. The library's own work is what one processor does.
    let all = std::thread::spawn(|| measure("processors as there are")).join();
    let one = std::thread::spawn(|| {
        keep_to_one_processor();
        measure("one processor");
    });
    assert!(all.is_ok() && one.join().is_ok());
}

const N: usize = 64_000;

fn measure(on: &str) {
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
    let without = spread(&without, |used| used.cpu).1;
    let spent = spread(&with, |used| used.cpu);
    let switches = spread(&with, |used| used.switches).1;
    let faults = spread(&with, |used| used.faults).1;
    println!(
        "  {on}: scheduling {:.2} us ({:.2} to {:.2}; to reach: 5), {switches:.3} switches of threads, {faults:.3} page \
         faults; beside it a bare loop {without:.2} us",
        spent.1 - without,
        spent.0 - without,
        spent.2 - without,
    );
}

/// The least, the middle and the most.
fn spread(used: &[Used], figure: impl Fn(&Used) -> f64) -> (f64, f64, f64) {
    let mut figures: Vec<f64> = used.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    (
        figures[0],
        figures[figures.len() / 2],
        figures[figures.len() - 1],
    )
}
