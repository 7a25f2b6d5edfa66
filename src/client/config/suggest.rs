//! What to say about an option that does not exist: the name that was probably meant.

use super::OPTIONS;

/// The message for an unknown option.
pub fn unknown(name: &str) -> String {
    // A name that is none may be a key that stands in the wrong place.
    let plausible = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !plausible {
        return "unknown option: names are lower-case words joined by _, such as max_retries"
            .to_owned();
    }
    match nearest(name) {
        Some(nearest) => format!("unknown option {name}: did you mean {nearest}?"),
        None => format!("unknown option {name}: oai_option_next lists all"),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let names = OPTIONS.iter().map(|option| option.name());
    let begins = |known: &&str| name.len() >= 4 && known.starts_with(name);
    let close = |known: &&str| distance(name, known) <= 1 + known.len() / 4;
    names.clone().find(begins).or_else(|| {
        names
            .filter(close)
            .min_by_key(|known| distance(name, known))
    })
}

/// Letters to insert, remove or replace to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
