//! The status table as labels: the name of each status without its prefix, in lower case.

use crate::status::{self, Status};

/// Labels and their statuses. What is none of ours counts as `unknown`.
const TABLE: &[(Status, &str)] = &[
    (status::OK, "ok"),
    (status::INVALID_ARGUMENT, "invalid_argument"),
    (status::STATE, "state"),
    (status::NO_MEMORY, "no_memory"),
    (status::CONFIG, "config"),
    (status::NO_API_KEY, "no_api_key"),
    (status::UNKNOWN_ID, "unknown_id"),
    (status::UNKNOWN_OPTION, "unknown_option"),
    (status::INTERNAL, "internal"),
    (status::WEBHOOK, "webhook"),
    (status::FILE, "file"),
    (status::CONNECT, "connect"),
    (status::TLS, "tls"),
    (status::TIMEOUT, "timeout"),
    (status::CONNECTION_LOST, "connection_lost"),
    (status::REDIRECT, "redirect"),
    (status::TOO_LARGE, "too_large"),
    (status::PROTOCOL, "protocol"),
    (status::DECODE, "decode"),
    (status::INCOMPLETE, "incomplete"),
    (status::STREAM, "stream"),
    (status::IDLE_TIMEOUT, "idle_timeout"),
    (status::CLOSED_BY_SERVER, "closed_by_server"),
    (status::HTTP, "http"),
    (status::HTTP_BAD_REQUEST, "http_bad_request"),
    (status::HTTP_AUTHENTICATION, "http_authentication"),
    (status::HTTP_PERMISSION, "http_permission"),
    (status::HTTP_NOT_FOUND, "http_not_found"),
    (status::HTTP_CONFLICT, "http_conflict"),
    (status::HTTP_UNPROCESSABLE, "http_unprocessable"),
    (status::RATE_LIMITED, "rate_limited"),
    (status::QUOTA, "quota"),
    (status::HTTP_SERVER, "http_server"),
    (status::HTTP_REQUEST_TIMEOUT, "http_request_timeout"),
    (status::HTTP_TOO_LARGE, "http_too_large"),
    (status::QUEUE_FULL, "queue_full"),
    (status::DEADLINE, "deadline"),
    (status::CANCELLED, "cancelled"),
    (status::CLOSED, "closed"),
    (status::LIMIT_EXCEEDED, "limit_exceeded"),
    (status::FORKED, "forked"),
    (status::SHUTDOWN, "shutdown"),
    (status::PANIC, "panic"),
];

/// Statuses that are told apart.
const STATUSES: usize = TABLE.len() + 1;

/// A count for each status.
#[derive(Clone)]
pub struct ByStatus([u64; STATUSES]);

impl Default for ByStatus {
    fn default() -> ByStatus {
        ByStatus([0; STATUSES])
    }
}

impl ByStatus {
    pub fn count(&mut self, status: Status) {
        self.0[index(status)] += 1;
    }

    /// Those that were counted, by their labels.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let labels = TABLE.iter().map(|(_, label)| *label).chain(["unknown"]);
        labels
            .zip(self.0.iter().copied())
            .filter(|(_, count)| *count > 0)
    }
}

/// Where a status stands. "ok", the usual one, is found at once.
fn index(status: Status) -> usize {
    let known = TABLE.iter().position(|(known, _)| *known == status);
    known.unwrap_or(STATUSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_status_table() {
        let source = include_str!("../../status.rs");
        let names: Vec<String> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub const "))
            .filter_map(|line| Some(line.split_once(':')?.0.to_lowercase()))
            .collect();
        let labels: Vec<&str> = TABLE.iter().map(|(_, label)| *label).collect();
        assert_eq!(names, labels);
        for (place, (status, _)) in TABLE.iter().enumerate() {
            assert_eq!(index(*status), place);
        }
        assert_eq!(index(-999), STATUSES - 1);
    }
}
