//! From what a source says to a checked value in `Settings`.
//!
//! `config` calls this for every source. A complaint is what an error says after the option's name; it repeats numbers,
//! which are no secrets, and never a text.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::RangeInclusive;

use serde_json::Value as Json;

use super::super::secret::MASK;
use super::super::settings::{Pairs, Settings};
use super::{Kind, Opt, PairCheck};

/// What is wrong with a value; it reads on after the option's name.
pub type Complaint = Cow<'static, str>;

/// What a setter was given.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A whole number.
    U32(u32),
    /// Bytes or milliseconds.
    U64(u64),
    /// A factor or a share.
    F64(f64),
    /// A flag or the number of a choice.
    I32(i32),
    /// A text; `None` puts the default back.
    Str(Option<&'a str>),
}

/// A value as one of the sources writes it.
pub enum Input<'a> {
    /// From a setter.
    Value(Value<'a>),
    /// From JSON, where null puts the default back.
    Json(&'a Json),
    /// From a variable.
    Text(&'a str),
}

impl Input<'_> {
    /// Whether it asks for the default.
    pub fn resets(&self) -> bool {
        matches!(
            self,
            Input::Json(Json::Null) | Input::Value(Value::Str(None))
        )
    }
}

impl Opt {
    /// Checks `input` and writes it, or leaves `settings` as they are.
    pub fn apply(&self, settings: &mut Settings, input: &Input<'_>) -> Result<(), Complaint> {
        if input.resets() {
            self.reset(settings);
            return Ok(());
        }
        match &self.kind {
            Kind::U32 { range, set, .. } => {
                let range = wide(range);
                set(settings, whole(input, &range)? as u32);
            }
            Kind::U64 { range, set, .. } => set(settings, whole(input, range)?),
            Kind::F64 { range, set, .. } => set(settings, number(input, range)?),
            Kind::Flag { set, .. } => set(settings, flag(input)?),
            Kind::Choice { names, set, .. } => set(settings, choice(input, names)?),
            Kind::Text { set, .. } => set(settings, text(input)?)?,
            Kind::Pairs {
                set, parse, pair, ..
            } => match input {
                Input::Json(Json::Object(object)) => set(settings, object_pairs(object, *pair)?),
                Input::Json(Json::String(text)) => set(settings, parse(text)?),
                Input::Json(_) => return Err("must be a string or an object of strings".into()),
                _ => set(settings, parse(text(input)?)?),
            },
            Kind::Json { set, .. } => match input {
                Input::Json(json) if !json.is_string() => set(settings, json)?,
                _ => match text(input)?.trim() {
                    "" => self.reset(settings),
                    text => set(settings, &json(text)?)?,
                },
            },
        }
        Ok(())
    }

    /// The value as it may be shown: secrets masked, milliseconds as whole numbers.
    pub fn show(&self, settings: &Settings) -> Json {
        match &self.kind {
            Kind::U32 { get, .. } => get(settings).into(),
            Kind::U64 { get, .. } => get(settings).into(),
            Kind::F64 { get, .. } => get(settings).into(),
            Kind::Flag { get, .. } => get(settings).into(),
            Kind::Choice { names, get, .. } => names[get(settings)].into(),
            Kind::Text { show, .. } => show(settings).into(),
            Kind::Pairs { get, .. } => {
                let names = get(settings)
                    .iter()
                    .map(|(name, _)| (name.clone(), MASK.into()));
                Json::Object(names.collect())
            }
            Kind::Json { show, .. } => show(settings),
        }
    }
}

/// The pairs of a JSON object whose values are strings, numbers or booleans.
pub fn object_pairs(
    object: &serde_json::Map<String, Json>,
    pair: PairCheck,
) -> Result<Pairs, Complaint> {
    object
        .iter()
        .map(|(name, value)| match value {
            Json::String(text) => pair(name, text),
            Json::Number(_) | Json::Bool(_) => pair(name, &value.to_string()),
            _ => Err("must be a string or an object of strings".into()),
        })
        .collect()
}

fn wide(range: &RangeInclusive<u32>) -> RangeInclusive<u64> {
    u64::from(*range.start())..=u64::from(*range.end())
}

/// A whole number within `range`.
pub fn whole(input: &Input<'_>, range: &RangeInclusive<u64>) -> Result<u64, Complaint> {
    let value: i128 = match input {
        Input::Value(Value::U32(value)) => (*value).into(),
        Input::Value(Value::U64(value)) => (*value).into(),
        Input::Json(Json::Number(number)) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => value.into(),
            (None, Some(value)) => value.into(),
            (None, None) => return Err(wanted("a whole number", range)),
        },
        Input::Text(text) => match text.trim().parse() {
            Ok(value) => value,
            Err(_) => return Err(wanted("a whole number", range)),
        },
        _ => return Err(wanted("a whole number", range)),
    };
    match u64::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(outside(value, range)),
    }
}

fn number(input: &Input<'_>, range: &RangeInclusive<f64>) -> Result<f64, Complaint> {
    let value = match input {
        Input::Value(Value::F64(value)) => Some(*value),
        Input::Json(Json::Number(number)) => number.as_f64(),
        Input::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    match value {
        Some(value) if range.contains(&value) => Ok(value),
        Some(value) => Err(outside(value, range)),
        None => Err(wanted("a number", range)),
    }
}

fn flag(input: &Input<'_>) -> Result<bool, Complaint> {
    match input {
        Input::Value(Value::I32(0)) => Ok(false),
        Input::Value(Value::I32(1)) => Ok(true),
        Input::Value(Value::I32(value)) => Err(format!("is {value} but must be 0 or 1").into()),
        Input::Json(Json::Bool(value)) => Ok(*value),
        Input::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "on" | "yes" => Ok(true),
            "0" | "false" | "off" | "no" => Ok(false),
            _ => Err("must be on or off".into()),
        },
        _ => Err("must be true or false".into()),
    }
}

fn choice(input: &Input<'_>, names: &[&str]) -> Result<usize, Complaint> {
    let named = |text: &str| {
        let found = names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| format!("must be one of: {}", names.join(", ")).into())
    };
    match input {
        Input::Value(Value::I32(value)) => usize::try_from(*value)
            .ok()
            .filter(|number| *number < names.len())
            .ok_or_else(|| format!("is {value} but must be from 0 to {}", names.len() - 1).into()),
        Input::Json(Json::String(text)) => named(text),
        Input::Text(text) => named(text),
        _ => named(""),
    }
}

fn text<'a>(input: &'a Input<'_>) -> Result<&'a str, Complaint> {
    match input {
        Input::Value(Value::Str(Some(text))) | Input::Text(text) => Ok(text),
        Input::Json(Json::String(text)) => Ok(text),
        _ => Err("must be a string".into()),
    }
}

fn json(text: &str) -> Result<Json, Complaint> {
    // Only the place: the parser's own message may repeat what stands there.
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("is not valid JSON: see line {line}, column {column} of its text").into()
    })
}

fn wanted<T: Debug>(what: &str, range: &RangeInclusive<T>) -> Complaint {
    format!(
        "must be {what} from {:?} to {:?}",
        range.start(),
        range.end()
    )
    .into()
}

fn outside<T: Debug>(value: impl Debug, range: &RangeInclusive<T>) -> Complaint {
    format!(
        "is {value:?} but must be from {:?} to {:?}",
        range.start(),
        range.end()
    )
    .into()
}
