//! What stands in the options that are JSON: limits by model and groups of models.
//!
//! The rows of the table call this with parsed JSON. A complaint reads on after the option's name and says which model
//! and member is wrong. It never repeats a value, nor a name that may be a key in the wrong place.

use std::ops::RangeInclusive;

use serde_json::{Value as Json, json};

use super::super::settings::ModelLimits;
use super::apply::whole;
use super::{Complaint, Input};

/// Requests or tokens a minute: far above any server's limits, and sums of them cannot overflow.
pub const PER_MINUTE: RangeInclusive<u64> = 0..=1_000_000_000_000;

/// Limits by model.
pub fn limits(json: &Json) -> Result<Vec<(String, ModelLimits)>, Complaint> {
    let Json::Object(models) = json else {
        return Err(
            r#"must be an object such as {"gpt-4o": {"requests_per_minute": 500}}, or its text"#
                .into(),
        );
    };
    models
        .iter()
        .map(|(model, members)| {
            let limits = name("its name", model).and_then(|()| model_limits(members));
            let limits = limits.map_err(|complaint| format!("of {}: {complaint}", told(model)))?;
            Ok((model.clone(), limits))
        })
        .collect()
}

fn model_limits(json: &Json) -> Result<ModelLimits, Complaint> {
    const MEMBERS: &str = "requests_per_minute, tokens_per_minute and burst";
    let Json::Object(members) = json else {
        return Err(format!("must be an object with {MEMBERS}, each optional").into());
    };
    let mut limits = ModelLimits::default();
    for (member, value) in members {
        let field = match member.as_str() {
            "requests_per_minute" => &mut limits.requests_per_minute,
            "tokens_per_minute" => &mut limits.tokens_per_minute,
            "burst" => &mut limits.burst,
            _ => return Err(unknown(member, MEMBERS)),
        };
        if !value.is_null() {
            *field = whole(&Input::Json(value), &PER_MINUTE)
                .map_err(|complaint| format!("{member} {complaint}"))?;
        }
    }
    Ok(limits)
}

/// The form that [`limits`] takes.
pub fn show_limits(limits: &[(String, ModelLimits)]) -> Json {
    let models = limits.iter().map(|(model, limits)| {
        let members = json!({
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "burst": limits.burst,
        });
        (model.clone(), members)
    });
    Json::Object(models.collect())
}

/// The group of each model.
pub fn groups(json: &Json) -> Result<Vec<(String, String)>, Complaint> {
    let Json::Object(models) = json else {
        return Err(
            r#"must be an object such as {"gpt-4o": "group", "my-alias": "group"}, or its text"#
                .into(),
        );
    };
    models
        .iter()
        .map(|(model, group)| {
            let group = match group {
                Json::String(group) => name("its name", model)
                    .and_then(|()| name("the group", group))
                    .map(|()| group),
                _ => Err("the group must be a string".into()),
            };
            let group = group.map_err(|complaint| format!("of {}: {complaint}", told(model)))?;
            Ok((model.clone(), group.clone()))
        })
        .collect()
}

/// The form that [`groups`] takes.
pub fn show_groups(groups: &[(String, String)]) -> Json {
    let models = groups
        .iter()
        .map(|(model, group)| (model.clone(), group.as_str().into()));
    Json::Object(models.collect())
}

// ===== members and names =====

/// The name of a model or a group; a complaint reads on after `what` it names.
fn name(what: &str, text: &str) -> Result<(), Complaint> {
    match text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        true => Err(format!(
            "{what} must not be empty, nor have white space around it or a control character in it"
        )
        .into()),
        false => Ok(()),
    }
}

/// A model as a complaint may name it.
fn told(model: &str) -> &str {
    let usual = |b: u8| b.is_ascii_alphanumeric() || b"-._:/@".contains(&b);
    let plausible = (1..=64).contains(&model.len()) && model.bytes().all(usual);
    match plausible && !model.starts_with("sk-") {
        true => model,
        false => "a model",
    }
}

/// The complaint of a member that is not one of those `known`.
pub fn unknown(member: &str, known: &str) -> Complaint {
    let plausible =
        member.len() <= 40 && member.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match plausible {
        true => format!("{member} is no member: there are {known}").into(),
        false => format!("has an unknown member: there are {known}").into(),
    }
}

#[cfg(test)]
mod tests;
