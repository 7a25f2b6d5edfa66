//! The shape of the behaviour suite: what tests/behaviour/README.md says of its files holds for all of them, so that a
//! typo cannot make a step do nothing. What the cases say is checked by the runners.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CStr;
use std::path::Path;
use std::ptr;

use serde_json::{Map, Value};

type Check = Result<(), String>;
type Object = Map<String, Value>;

/// The keys of each step; `!` behind one means that it must be there.
const STEPS: &[(&str, &str)] = &[
    ("call", "do! call! expect"),
    ("start", "do! as! call!"),
    ("finish", "do! as! expect"),
    ("cancel", "do! as!"),
    ("chunks", "do! as! count!"),
    ("server", "do! path! json expect"),
    ("gaps", "do! at_least_ms!"),
    ("configure", "do! json! expect"),
    ("config", "do! expect!"),
    ("stats", "do! expect!"),
    ("prometheus", "do! contains!"),
    ("log", "do! expect never"),
    (
        "webhook",
        "do! secret body! id timestamp signature now_ms expect",
    ),
    ("close", "do! timeout_ms! expect"),
    ("free", "do!"),
];

/// The keys of each call, and what its outcome has beside [`OUTCOME`].
const CALLS: &[(&str, &str, &str)] = &[
    (
        "embed",
        "op! model! inputs! dimensions user priority timeout_ms idempotency_key",
        "rows dims vectors",
    ),
    ("chat", "op! json!", "text"),
    ("responses", "op! json!", "text"),
    ("completions", "op! json!", "text"),
    ("chat_stream", "op! json! cancel_after", "text chunks"),
    ("responses_stream", "op! json! cancel_after", "text chunks"),
    ("moderate", "op! input! model", ""),
    ("models", "op!", ""),
    ("upload", "op! filename! content! json!", ""),
    ("download", "op! file_id! to", "file"),
    ("pages", "op! path! query", "pages ids"),
    (
        "request",
        "op! method! path! query headers json stream cancel_after priority timeout_ms idempotency_key",
        "text chunks",
    ),
];

const OUTCOME: &str = "status http_status attempts request_id headers body usage error";
const ERROR: &str =
    "http_status code type param message request_id retry_after_ms may_have_executed";
const LEVELS: &str = "error warn info debug trace";

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split_whitespace()
}

fn object(value: &Value) -> Result<&Object, String> {
    value.as_object().ok_or(format!("{value} is no object"))
}

fn only_keys<'a>(value: &'a Value, keys: &str) -> Result<&'a Object, String> {
    let object = object(value)?;
    for key in object.keys() {
        if !words(keys).any(|known| known.trim_end_matches('!') == key) {
            return Err(format!("the key {key:?} is none of: {keys}"));
        }
    }
    for needed in words(keys).filter_map(|key| key.strip_suffix('!')) {
        if !object.contains_key(needed) {
            return Err(format!("the key {needed:?} is missing"));
        }
    }
    Ok(object)
}

fn text<'a>(object: &'a Object, key: &str) -> Result<&'a str, String> {
    let text = object.get(key).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
        .ok_or(format!("{key:?} must be a text"))
}

/// All members that are there have the type that their name asks for.
fn types(object: &Object) -> Check {
    for (key, value) in object {
        let good = match key.as_str() {
            "do" | "as" | "op" | "model" | "path" | "method" | "name" | "why" | "user"
            | "secret" | "id" | "timestamp" | "signature" | "input" | "filename" | "file_id"
            | "to" | "idempotency_key" | "log" | "content" => value.is_string(),
            // Of a webhook it is the text as it came.
            "body" => value.is_string(),
            "count" | "dimensions" | "cancel_after" | "timeout_ms" | "now_ms" => value.is_u64(),
            "priority" => ["high", "normal", "low"].iter().any(|name| value == name),
            "stream" => value == &Value::Bool(true),
            "inputs" | "contains" | "never" => all(value, Value::is_string),
            "at_least_ms" => all(value, Value::is_number),
            "query" | "headers" | "environment" | "files" => value
                .as_object()
                .is_some_and(|pairs| pairs.values().all(Value::is_string)),
            "client" | "call" | "server" => value.is_object(),
            "steps" => value.is_array(),
            _ => true,
        };
        if !good {
            return Err(format!("{key:?} has a value of another type: {value}"));
        }
    }
    Ok(())
}

fn all(value: &Value, good: impl Fn(&Value) -> bool) -> bool {
    value
        .as_array()
        .is_some_and(|values| !values.is_empty() && values.iter().all(good))
}

/// A pattern uses operators as they are meant.
fn pattern(value: &Value) -> Check {
    match value {
        Value::Array(items) => items.iter().try_for_each(pattern),
        Value::Object(members) => {
            let operator = members.iter().find(|(key, _)| key.starts_with('$'));
            let Some((operator, given)) = operator else {
                return members.values().try_for_each(pattern);
            };
            let good = match operator.as_str() {
                "$contains" => given.is_string() || all(given, Value::is_string),
                "$at_least" | "$at_most" | "$near" => given.is_number(),
                "$length" => given.is_u64(),
                "$present" => given == &Value::Bool(true),
                "$some" | "$not" => return alone(members).and_then(|()| pattern(given)),
                _ => false,
            };
            if !good {
                return Err(format!("{operator} does not take {given}"));
            }
            alone(members)
        }
        _ => Ok(()),
    }
}

fn alone(operator: &Object) -> Check {
    match operator.len() {
        1 => Ok(()),
        _ => Err(format!("an operator stands alone: {operator:?}")),
    }
}

/// What an outcome is to match has keys of outcomes only.
fn outcome(expect: Option<&Value>, more: &str) -> Check {
    let Some(expect) = expect else { return Ok(()) };
    pattern(expect)?;
    let keys = format!("{OUTCOME} {more}");
    let expect = only_keys(expect, &keys)?;
    match expect.get("status") {
        Some(Value::String(status)) if !statuses().contains(status) => {
            return Err(format!("there is no status {status}"));
        }
        _ => {}
    }
    match expect.get("error") {
        Some(error @ Value::Object(members)) if !members.contains_key("$present") => {
            only_keys(error, ERROR).map(drop)
        }
        _ => Ok(()),
    }
}

fn statuses() -> BTreeSet<String> {
    let name = |status| {
        // SAFETY: a static NUL-terminated text.
        unsafe { CStr::from_ptr(oaic::ffi::status::oai_status_name(status)) }
    };
    let name = |status| name(status).to_string_lossy().into_owned();
    (-500..=0).map(name).collect()
}

fn options() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["dotenv".to_owned()]);
    let mut row = ptr::null();
    loop {
        // SAFETY: NULL, or a row that the function gave; its texts are static.
        unsafe {
            row = oaic::ffi::client::oai_option_next(row);
            let Some(option) = row.as_ref() else {
                return names;
            };
            names.insert(CStr::from_ptr(option.name).to_string_lossy().into_owned());
        }
    }
}

/// The calls that were started, and what their outcomes have.
#[derive(Default)]
struct Case<'a> {
    started: HashMap<&'a str, &'static str>,
    finished: BTreeSet<&'a str>,
    freed: bool,
    /// Something is compared with something.
    tells: bool,
}

impl<'a> Case<'a> {
    /// A call's shape; gives what its outcome has.
    fn call(&self, call: &Value) -> Result<(&'static str, &'static str), String> {
        let op = text(object(call)?, "op")?;
        let known = CALLS.iter().find(|(name, _, _)| *name == op);
        let (name, keys, more) = known.ok_or(format!("there is no call {op:?}"))?;
        types(only_keys(call, keys)?)?;
        Ok((name, more))
    }

    fn step(&mut self, step: &'a Value, created: bool, logs: bool) -> Check {
        let name = text(object(step)?, "do")?;
        let known = STEPS.iter().find(|(step, _)| *step == name);
        let (_, keys) = known.ok_or(format!("there is no step {name:?}"))?;
        let step = only_keys(step, keys)?;
        types(step)?;
        let expect = step.get("expect");
        self.tells |= !matches!(name, "start" | "cancel" | "chunks" | "free");
        if (self.freed && !["finish", "server", "log"].contains(&name))
            || (!created && !["server", "log"].contains(&name))
        {
            return Err(format!("there is no client for {name:?}"));
        }
        let named = || text(step, "as");
        match name {
            "call" => outcome(expect, self.call(&step["call"])?.1),
            "start" => {
                let (op, more) = self.call(&step["call"])?;
                if op == "pages" {
                    return Err("pages cannot be started".into());
                }
                match self.started.insert(named()?, more) {
                    Some(_) => Err(format!("{:?} was started before", named()?)),
                    None => Ok(()),
                }
            }
            "cancel" | "chunks" => self.more(named()?).map(drop),
            "finish" => {
                let more = self.more(named()?)?;
                if !self.finished.insert(named()?) {
                    return Err(format!("{:?} was finished before", named()?));
                }
                outcome(expect, more)
            }
            "configure" | "webhook" | "close" => {
                if let Some(expect) = expect {
                    only_keys(expect, "status error")?;
                }
                outcome(expect, "")
            }
            "log" if !logs => Err("the case has no \"log\"".into()),
            "log" => {
                let lines = expect.map(|lines| lines.as_array().ok_or("lines are an array"));
                for line in lines.transpose()?.into_iter().flatten() {
                    level(text(only_keys(line, "level! contains!")?, "level")?)?;
                    text(object(line)?, "contains")?;
                }
                Ok(())
            }
            _ => expect.map_or(Ok(()), pattern),
        }
    }

    fn more(&self, name: &str) -> Result<&'static str, String> {
        let more = self.started.get(name).copied();
        more.ok_or(format!("{name:?} was not started"))
    }
}

fn level(name: &str) -> Check {
    match words(LEVELS).any(|level| level == name) {
        true => Ok(()),
        false => Err(format!("there is no log level {name:?}")),
    }
}

fn case(value: &Value) -> Check {
    let keys = "name! why! server client environment files log created steps!";
    let written = only_keys(value, keys)?;
    types(written)?;
    text(written, "why")?;
    if let Some(server) = written.get("server") {
        only_keys(server, "script limits")?;
    }
    if let Some(log) = written.get("log") {
        level(log.as_str().unwrap_or_default())?;
    }
    let mut created = true;
    if let Some(expect) = written.get("created") {
        only_keys(expect, "status error")?;
        outcome(Some(expect), "")?;
        created = expect.get("status").is_none_or(|status| status == "OAI_OK");
    }
    if let (true, Some(client)) = (created, written.get("client")) {
        let known = options();
        for key in object(client)?.keys() {
            if !known.contains(key) {
                return Err(format!("there is no option {key:?}"));
            }
        }
    }
    let logs = written.contains_key("log");
    let mut steps = Case {
        tells: written.contains_key("created"),
        ..Case::default()
    };
    for (number, step) in written["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        steps
            .step(step, created, logs)
            .map_err(|error| format!("step {number}: {error}"))?;
        steps.freed |= step["do"] == "free";
    }
    if !steps.tells {
        return Err("nothing is compared with anything".into());
    }
    Ok(())
}

#[test]
fn every_case_has_the_shape_that_the_readme_asks_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour");
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a file in UTF-8");
        let cases: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        for value in cases {
            let name = value["name"].as_str().unwrap_or_default().to_owned();
            if let Err(error) = case(&value) {
                wrong.push(format!("{file}: {name}: {error}"));
            }
            if !names.insert(name.clone()) {
                wrong.push(format!("{file}: {name}: another case has this name"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= 100, "only {} cases", names.len());
}

#[test]
fn a_typo_is_found() {
    let steps =
        |steps: &str| format!(r#"{{"name": "n", "why": "w", "log": "warn", "steps": [{steps}]}}"#);
    let start = r#"{"do": "start", "as": "a", "call": {"op": "models"}}"#;
    for (json, found) in [
        (steps(r#"{"do": "sttas", "expect": {}}"#), "no step"),
        (steps(r#"{"do": "stats", "expects": {}}"#), "none of"),
        (steps(r#"{"do": "stats"}"#), "missing"),
        (
            steps(r#"{"do": "stats", "expect": {"a": {"$contain": "x"}}}"#),
            "does not take",
        ),
        (
            steps(r#"{"do": "stats", "expect": {"a": {"$at_least": 1, "$at_most": 2}}}"#),
            "alone",
        ),
        (
            steps(r#"{"do": "call", "call": {"op": "model"}}"#),
            "no call",
        ),
        (
            steps(r#"{"do": "call", "call": {"op": "chat"}}"#),
            "missing",
        ),
        (
            steps(
                r#"{"do": "call", "call": {"op": "models"}, "expect": {"status": "OAI_ERR_HTPP"}}"#,
            ),
            "no status",
        ),
        (
            steps(r#"{"do": "call", "call": {"op": "models"}, "expect": {"text": "x"}}"#),
            "none of",
        ),
        (
            steps(r#"{"do": "call", "call": {"op": "models"}, "expect": {"error": {"cod": "x"}}}"#),
            "none of",
        ),
        (steps(r#"{"do": "finish", "as": "b"}"#), "not started"),
        (steps(&format!("{start}, {start}")), "before"),
        (steps(start), "compared"),
        (
            steps(r#"{"do": "free"}, {"do": "stats", "expect": {}}"#),
            "no client",
        ),
        (
            steps(r#"{"do": "log", "expect": [{"level": "warning", "contains": "x"}]}"#),
            "log level",
        ),
        (
            steps(r#"{"do": "close", "timeout_ms": "1"}"#),
            "another type",
        ),
        (
            r#"{"name": "n", "why": "w", "steps": [], "client": {"max_retrys": 1}}"#.into(),
            "no option",
        ),
        (r#"{"name": "n", "why": "w", "step": []}"#.into(), "none of"),
        (r#"{"name": "n", "why": "", "steps": []}"#.into(), "why"),
    ] {
        let error = case(&serde_json::from_str(&json).unwrap()).expect_err(&json);
        assert!(error.contains(found), "{json}: {error}");
    }
}
