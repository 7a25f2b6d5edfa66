//! A strict reader of Prometheus' text format 0.0.4, to hold ours against.

use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub samples: Vec<Sample>,
}

#[derive(Debug)]
pub struct Sample {
    /// What stands behind the family's name.
    suffix: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Reads the text, and panics where it breaks the format or a rule for histograms.
pub fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped = String::new();
    let mut current = String::new();
    let mut seen = HashSet::new();
    for line in text[..text.len() - 1].split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help text");
            assert!(!help.is_empty() && !help.contains('\\'), "{line}");
            helped = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(name, helped, "HELP comes first");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(is_name(name) && name.starts_with("oai_"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let family = Family {
                kind: kind.to_owned(),
                ..Family::default()
            };
            let before = families.insert(name.to_owned(), family);
            assert!(before.is_none(), "{name} is there twice");
            current = name.to_owned();
        } else {
            assert!(seen.insert(series(line)), "{line} is there twice");
            let family = families
                .get_mut(&current)
                .expect("a TYPE before the samples");
            let sample = sample(line, &current);
            assert!(
                family.kind == "histogram" || sample.suffix.is_empty(),
                "{line}"
            );
            assert!(family.kind == "gauge" || sample.value >= 0.0, "{line}");
            family.samples.push(sample);
        }
    }
    for (name, family) in &families {
        if family.kind == "histogram" {
            check_histogram(name, family);
        }
    }
    families
}

/// A line without its value.
fn series(line: &str) -> String {
    line.rsplit_once(' ').expect("a value").0.to_owned()
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

fn sample(line: &str, family: &str) -> Sample {
    let suffix_on = line
        .strip_prefix(family)
        .expect("samples of one family together");
    let end = suffix_on.find(['{', ' ']).expect("a value");
    let (suffix, rest) = suffix_on.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (BTreeMap::new(), rest),
    };
    let value = value.strip_prefix(' ').expect("a space before the value");
    assert!(!value.contains("inf") && !value.contains(' '), "{line}");
    Sample {
        suffix: suffix.to_owned(),
        labels,
        value: value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}")),
    }
}

/// The labels up to `}`, unescaped, and what is behind it.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        assert!(is_name(name) && !name.starts_with("__"), "label {name}");
        let mut text = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => text.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, character @ ('\\' | '"'))) => character,
                    other => panic!("no escape: {other:?}"),
                }),
                (_, character) => text.push(character),
            }
        };
        let before = labels.insert(name.to_owned(), text);
        assert!(before.is_none(), "label {name} is there twice");
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                return (
                    labels,
                    rest.strip_prefix('}').expect("the end of the labels"),
                );
            }
        }
    }
}

fn check_histogram(name: &str, family: &Family) {
    let of = |suffix: &str| -> Vec<&Sample> {
        let samples = family.samples.iter();
        samples.filter(|sample| sample.suffix == suffix).collect()
    };
    let (buckets, sum, count) = (of("_bucket"), of("_sum"), of("_count"));
    assert_eq!((sum.len(), count.len()), (1, 1), "{name}");
    assert_eq!(family.samples.len(), buckets.len() + 2, "{name}");
    let bounds: Vec<f64> = (buckets.iter())
        .map(|bucket| bucket.labels["le"].parse().unwrap())
        .collect();
    assert!(bounds.is_sorted_by(|a, b| a < b), "{name}: {bounds:?}");
    assert!(buckets.is_sorted_by(|a, b| a.value <= b.value), "{name}");
    let last = buckets.last().expect("buckets");
    assert_eq!(last.labels["le"], "+Inf", "{name}");
    assert_eq!(last.value, count[0].value, "{name}");
}
