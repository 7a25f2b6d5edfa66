//! What a request costs in CPU, and what the queue's operations cost however many wait (`make bench-cost`).
//!
//! It calls the C API of the library as a C program would. It needs the URL of a test server in `OAI_TEST_SERVER`,
//! contacts nothing but that and a socket of its own, and decides nothing: it prints.

use std::net::TcpListener;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use oaic::ffi::client::{oai_client, oai_client_free, oai_client_new};
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue, oai_queue_free, oai_queue_new, oai_queue_next,
    oai_queue_wait,
};
use oaic::ffi::request::{oai_request, oai_request_free, oai_request_new, oai_request_set_json};
use oaic::ffi::send::{oai_cancel, oai_submit_to};

const AT_ONCE: usize = 64;
const BODY: &str = r#"{"dimensions":8,"input":"sixteen letters.","model":"bench"}"#;

/// A client, a queue and a request that all go to one server.
struct Host {
    client: *mut oai_client,
    queue: *mut oai_queue,
    request: *mut oai_request,
}

impl Host {
    fn new(base_url: &str, at_once: usize) -> Host {
        let config = format!(
            r#"{{"base_url":"{base_url}","api_key":"sk-bench","dotenv":false,"queue_size":10000000,"max_concurrent_requests":{at_once}}}"#
        );
        let (mut client, mut queue, mut request) = (null_mut(), null_mut(), null_mut());
        // SAFETY: all pointers are to what the functions ask for, and live.
        unsafe {
            let made = oai_client_new(
                config.as_ptr().cast(),
                config.len(),
                &mut client,
                null_mut(),
            );
            assert_eq!(made, 0, "the client was not made");
            assert_eq!(oai_queue_new(&mut queue, null_mut()), 0);
            let path = c"/embeddings".as_ptr();
            assert_eq!(
                oai_request_new(c"POST".as_ptr(), path, &mut request, null_mut()),
                0
            );
        }
        let host = Host {
            client,
            queue,
            request,
        };
        host.fill(BODY);
        host
    }

    fn fill(&self, body: &str) {
        // SAFETY: the request is live, the text is pointer and length.
        let set = unsafe { oai_request_set_json(self.request, body.as_ptr().cast(), body.len()) };
        assert_eq!(set, 0);
    }

    fn submit(&self) -> u64 {
        let mut id = 0;
        // SAFETY: all handles are live, the id is writable.
        let status = unsafe {
            oai_submit_to(
                self.client,
                self.request,
                self.queue,
                1,
                &mut id,
                null_mut(),
            )
        };
        assert_eq!(status, 0, "a request was refused");
        id
    }

    fn cancel(&self, id: u64) {
        // SAFETY: the client is live.
        assert_eq!(unsafe { oai_cancel(self.client, id, null_mut()) }, 0);
    }

    /// Takes events until there were `n`; gives the number of those that are no success. It is woken by each event, or
    /// looks once a millisecond.
    fn take(&self, n: usize, woken: bool) -> usize {
        let (mut left, mut bad) = (n, 0);
        while left > 0 {
            let (mut batch, mut records, mut count) = (null_mut(), null_mut(), 0);
            // SAFETY: the handles are live, the outputs writable, and the records are read before the batch is freed.
            unsafe {
                let taken = if woken {
                    oai_queue_wait(self.queue, left, u64::MAX, &mut batch)
                } else {
                    oai_queue_next(self.queue, left, &mut batch)
                };
                assert_eq!(taken, 0);
                if batch.is_null() {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                assert_eq!(oai_batch_records(batch, &mut records, &mut count), 0);
                let records = std::slice::from_raw_parts(records, count);
                bad += records.iter().filter(|record| record.status != 0).count();
                oai_batch_free(batch);
            }
            left -= count;
        }
        bad
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: each is live and not used again.
        unsafe {
            oai_client_free(self.client);
            oai_request_free(self.request);
            oai_queue_free(self.queue);
        }
    }
}

/// A server that accepts connections and never answers: what goes there stays in flight.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    let url = format!("http://{}/v1", listener.local_addr().expect("its address"));
    (listener, url)
}

fn cpu() -> Duration {
    // SAFETY: all zero is a valid rusage, and it is writable.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let part = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    part(usage.ru_utime) + part(usage.ru_stime)
}

/// CPU of `n` requests through the library, in microseconds each.
fn through_oaic(host: &Host, n: usize, woken: bool) -> f64 {
    let before = cpu();
    for _ in 0..n {
        host.submit();
    }
    assert_eq!(host.take(n, woken), 0, "a request failed");
    (cpu() - before).as_secs_f64() * 1e6 / n as f64
}

/// The same requests in a bare loop: as many tasks as may be in flight, one thread, the same HTTP client and settings.
fn through_reqwest(
    runtime: &tokio::runtime::Runtime,
    client: &reqwest::Client,
    url: &str,
    n: usize,
) -> f64 {
    let before = cpu();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..AT_ONCE {
            let (client, url) = (client.clone(), url.to_owned());
            let count = n / AT_ONCE + usize::from(task < n % AT_ONCE);
            tasks.spawn(async move {
                for _ in 0..count {
                    let request = client.post(&url).bearer_auth("sk-bench");
                    let request = request
                        .header("content-type", "application/json")
                        .body(BODY);
                    let answer = request.send().await.expect("an answer");
                    assert!(answer.status().is_success());
                    answer.bytes().await.expect("a body");
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no panic");
        }
    });
    (cpu() - before).as_secs_f64() * 1e6 / n as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cpu_per_request(server: &str) {
    const N: usize = 20_000;
    let url = format!("{server}/v1");
    let host = Host::new(&url, AT_ONCE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no other provider of cryptography");
    let client = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .build()
        .expect("a client");
    let target = format!("{url}/embeddings");
    through_oaic(&host, 1_000, true);
    through_reqwest(&runtime, &client, &target, 1_000);
    let (mut woken, mut looking, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        woken.push(through_oaic(&host, N, true));
        looking.push(through_oaic(&host, N, false));
        bare.push(through_reqwest(&runtime, &client, &target, N));
    }
    let (woken, looking, bare) = (median(woken), median(looking), median(bare));
    println!("CPU per request, user and system, {N} requests, {AT_ONCE} at once, median of 5:");
    println!("  oaic from submit to event {looking:.1} us, bare reqwest loop {bare:.1} us");
    println!("  oaic with a host that is woken by each event {woken:.1} us");
}

fn queue_operations() {
    const BLOCK: usize = 10_000;
    let (_listener, url) = silent();
    let host = Host::new(&url, 1);
    println!(
        "Queue operations, {BLOCK} of each, with so many queued (the cancelled are spread over the queue):"
    );
    let mut ids = vec![host.submit()];
    for depth in [10_000, 100_000, 1_000_000] {
        while ids.len() < depth {
            ids.push(host.submit());
        }
        let start = Instant::now();
        for _ in 0..BLOCK {
            ids.push(host.submit());
        }
        let submit = start.elapsed();
        // The first is in flight and stays.
        let step = (ids.len() - 1) / BLOCK;
        let chosen: Vec<usize> = (0..BLOCK).map(|i| 1 + i * step).collect();
        let start = Instant::now();
        for &at in &chosen {
            host.cancel(ids[at]);
        }
        let cancel = start.elapsed();
        assert_eq!(host.take(BLOCK, true), BLOCK);
        for at in chosen.into_iter().rev() {
            ids.swap_remove(at);
        }
        println!(
            "  {depth:>9}  submit {:.2} us  cancel {:.2} us",
            submit.as_secs_f64() * 1e6 / BLOCK as f64,
            cancel.as_secs_f64() * 1e6 / BLOCK as f64
        );
    }
}

fn main() {
    let Ok(server) = std::env::var("OAI_TEST_SERVER") else {
        eprintln!("cost: OAI_TEST_SERVER is not set; run `make bench-cost`");
        std::process::exit(2);
    };
    cpu_per_request(&server);
    queue_operations();
}
