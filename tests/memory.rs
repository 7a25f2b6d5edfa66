//! Large files pass through without being held: how much memory a process gains at its peak while it sends and fetches
//! one. The server runs in the same process, so its share counts too.
//!
//! `cargo test` sends and fetches 1 GiB, and takes 96 MiB, three times what may be gained, for the other ways; `make
//! bench-files` takes 1 GiB for all.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

use oaic::ffi::client::{oai_client, oai_client_free, oai_client_new};
use oaic::ffi::files::oai_request_set_output_fd;
use oaic::ffi::request::{oai_request_free, oai_request_new};
use oaic::ffi::response::{oai_response, oai_response_free};
use oaic::ffi::send::oai_send;
use oaic::ffi::status::OAI_OK;
use oaic::ffi::transfer::{oai_file_download, oai_file_upload};
use oaic::ffi::upload::oai_upload;
use test_server::{Config, TestServer};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const ALLOWED: u64 = 32 * MIB;

#[test]
fn a_gibibyte_passes_through_in_little_memory() {
    transfer(GIB, 96 * MIB);
}

#[test]
#[ignore = "takes a while; make bench-files runs it"]
fn a_gibibyte_passes_through_each_way_in_little_memory() {
    transfer(GIB, GIB);
}

/// `size`: of what goes up and down in one piece, `other`: in parts, and to a descriptor.
fn transfer(size: u64, other: u64) {
    let server = TestServer::start(Config::default());
    let client = client(&server);
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    // What a first request makes once is not what a large file costs.
    File::create(&source).unwrap().set_len(MIB).unwrap();
    upload(client, &source);
    upload_in_parts(client, &source);
    download(client, MIB, &target);
    download_to_descriptor(client, MIB, &target);
    // Sparse: its zeros take no disk.
    File::create(&source).unwrap().set_len(size).unwrap();
    let up = gained(|| upload(client, &source));
    let arrived = server.log().last().unwrap().body_length;
    assert!(arrived > size && arrived < size + 1000, "{arrived}");
    let down = gained(|| download(client, size, &target));
    assert_eq!(fs::metadata(&target).unwrap().len(), size);
    File::create(&source).unwrap().set_len(other).unwrap();
    let parts = gained(|| upload_in_parts(client, &source));
    let descriptor = gained(|| download_to_descriptor(client, other, &target));
    assert_eq!(fs::metadata(&target).unwrap().len(), other);
    for (what, size, (memory, time)) in [
        ("upload", size, up),
        ("upload in parts", other, parts),
        ("download", size, down),
        ("download to a descriptor", other, descriptor),
    ] {
        println!(
            "{what} of {} MiB: {:.1} MiB gained at the peak, {:.0} MiB/s",
            size / MIB,
            memory as f64 / MIB as f64,
            size as f64 / MIB as f64 / time.as_secs_f64()
        );
        assert!(
            memory < ALLOWED,
            "the {what} took {memory} bytes of memory, more than {ALLOWED}"
        );
    }
    // SAFETY: owned.
    unsafe { oai_client_free(client) };
}

/// By how much the peak of the process's memory rises above what it has now, and how long the work takes.
fn gained(work: impl FnOnce()) -> (u64, Duration) {
    // Brings the kernel's high-water mark down to the present size.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident("VmRSS:");
    let started = Instant::now();
    work();
    let time = started.elapsed();
    (resident("VmHWM:").saturating_sub(before), time)
}

fn resident(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

fn client(server: &TestServer) -> *mut oai_client {
    let config = format!(
        r#"{{"base_url":"{}","api_key":"k","dotenv":false}}"#,
        server.url()
    );
    let mut client = ptr::null_mut();
    // SAFETY: a text with its length, and places for the outputs.
    let status = unsafe {
        oai_client_new(
            config.as_ptr().cast(),
            config.len(),
            &mut client,
            ptr::null_mut(),
        )
    };
    assert_eq!(status, OAI_OK);
    client
}

fn text(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

fn upload(client: *mut oai_client, path: &Path) {
    let (path, json) = (text(path), c"{\"purpose\":\"batch\"}");
    let mut response: *mut oai_response = ptr::null_mut();
    // SAFETY: a live handle, NUL-terminated texts, a place for the output, which is freed.
    let status = unsafe {
        let none = ptr::null();
        let (json, len) = (json.as_ptr(), json.count_bytes());
        let status = oai_file_upload(client, json, len, path.as_ptr(), none, 0, &mut response);
        oai_response_free(response);
        status
    };
    assert_eq!(status, OAI_OK);
}

/// In parts of 16 MiB, four at a time.
fn upload_in_parts(client: *mut oai_client, path: &Path) {
    let (path, json) = (
        text(path),
        c"{\"purpose\":\"batch\",\"part_bytes\":16777216}",
    );
    let mut response: *mut oai_response = ptr::null_mut();
    // SAFETY: a live handle, NUL-terminated texts, a place for the output, which is freed.
    let status = unsafe {
        let (json, len) = (json.as_ptr(), json.count_bytes());
        let status = oai_upload(client, json, len, path.as_ptr(), &mut response);
        oai_response_free(response);
        status
    };
    assert_eq!(status, OAI_OK);
}

fn download(client: *mut oai_client, size: u64, path: &Path) {
    let (path, id) = (text(path), CString::new(format!("zeros-{size}")).unwrap());
    let mut response: *mut oai_response = ptr::null_mut();
    // SAFETY: a live handle, NUL-terminated texts, a place for the output, which is freed.
    let status = unsafe {
        let status = oai_file_download(client, id.as_ptr(), path.as_ptr(), &mut response);
        oai_response_free(response);
        status
    };
    assert_eq!(status, OAI_OK);
}

fn download_to_descriptor(client: *mut oai_client, size: u64, path: &Path) {
    let file = File::create(path).unwrap();
    let path = CString::new(format!("/files/zeros-{size}/content")).unwrap();
    let (mut request, mut response) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: a live handle, NUL-terminated texts, a descriptor that is open, places for the outputs, which are freed.
    let status = unsafe {
        let none = ptr::null_mut();
        let made = oai_request_new(c"GET".as_ptr(), path.as_ptr(), &mut request, none);
        assert_eq!(made, OAI_OK);
        assert_eq!(oai_request_set_output_fd(request, file.as_raw_fd()), OAI_OK);
        let status = oai_send(client, request, &mut response);
        oai_response_free(response);
        oai_request_free(request);
        status
    };
    assert_eq!(status, OAI_OK);
}
