//! The settings of one client and where each came from.
//!
//! `client` makes a [`Config`] in `oai_client_new` and changes it in the setters; the notices that come back are its to
//! log. Precedence is decided here: explicit call, process environment, `.env`, default. Here is also the rule that a
//! `.env` file which was only found must not choose who receives a key from elsewhere.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::dotenv::{self, File, Wish};
use super::environment::Environment;
use super::options::{Class, Input, OPTIONS, Opt, Value, find};
use super::place::Place;
use super::secret::Secret;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::status;

mod suggest;
#[cfg(test)]
mod tests;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A setter or JSON.
    Explicit,
    /// This variable of the process.
    Env(&'static str),
    /// A `.env` file.
    Dotenv {
        /// The variable.
        name: &'static str,
        /// The file.
        path: Arc<str>,
        /// The number of the line where it begins.
        line: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("the default"),
            Source::Explicit => f.write_str("the program"),
            Source::Env(name) => f.write_str(name),
            Source::Dotenv { name, path, .. } => write!(f, "{name} in {path}"),
        }
    }
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something was not done as asked.
    Warn,
}

/// Something to log.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// What to say. It holds no secret.
    pub text: String,
}

impl Notice {
    fn new(level: Level, text: String) -> Notice {
        Notice { level, text }
    }
}

/// What a client is set to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The values in force.
    pub settings: Settings,
    /// One for each row of the option table.
    sources: Vec<Source>,
    /// The `.env` file was named, and so is trusted.
    dotenv_named: bool,
    /// What else decides who is called, and as whom.
    place: Place,
}

impl Config {
    /// The settings of a new client: `json` is what the program says, if anything.
    pub fn load(json: Option<&[u8]>, environment: &Environment) -> Result<(Config, Vec<Notice>)> {
        let explicit = match json {
            Some(bytes) => parse_object(bytes)?,
            None => Map::new(),
        };
        let mut config = Config {
            settings: Settings::default(),
            sources: vec![Source::Default; OPTIONS.len()],
            dotenv_named: false,
            place: Place::default(),
        };
        for (key, value) in &explicit {
            let option = known(key)?;
            if option.class != Class::Creation {
                config.put(option, &Input::Json(value), Source::Explicit)?;
            }
        }
        config.take_environment(&explicit, environment)?;
        let (wish, source) = wish(explicit.get("dotenv"), environment)?;
        let (file, warnings) = dotenv::load(&wish, environment)?;
        let mut notices: Vec<Notice> = warnings
            .into_iter()
            .map(|text| Notice::new(Level::Warn, text))
            .collect();
        if let Some(file) = &file {
            config.dotenv_named = file.named;
            notices.extend(config.take_file(&explicit, file)?);
            config.settings.dotenv = Some(file.path.clone());
        }
        config.sources[index("dotenv")] = source;
        config.place.azure = config.is_on_azure();
        notices.extend(config.key_notices(|_| true));
        if config.settings.azure_endpoint.is_some() && !config.place.azure {
            let stronger = match config.source("base_url") {
                Source::Default => "api_key",
                _ => "base_url",
            };
            let text = format!(
                "azure_endpoint from {} is not used: {stronger} comes from {}",
                config.source("azure_endpoint"),
                config.source(stronger),
            );
            notices.push(Notice::new(Level::Info, text));
        }
        Ok((config, notices))
    }

    /// Where the value of `name` came from.
    pub fn source(&self, name: &str) -> &Source {
        &self.sources[index(name)]
    }

    /// What `oai_client_configure_json` does: all of `json`, or nothing.
    pub fn configure_json(&mut self, json: &[u8], transport_frozen: bool) -> Result<Vec<Notice>> {
        let object = parse_object(json)?;
        let mut changes = Vec::new();
        for (key, value) in &object {
            let option = known(key)?;
            if option.class == Class::Creation {
                let message = format!("{key} can only be set in the JSON of oai_client_new");
                return Err(Error::new(status::STATE, message));
            }
            changes.push((option, Input::Json(value)));
        }
        self.change(&changes, transport_frozen)
    }

    /// What a setter does.
    pub fn set(
        &mut self,
        name: &str,
        value: Value<'_>,
        transport_frozen: bool,
    ) -> Result<Vec<Notice>> {
        self.change(&[(known(name)?, Input::Value(value))], transport_frozen)
    }

    /// Whether `azure_endpoint` is what counts: unless `base_url` has a higher source, or the program itself gave the key
    /// of another place and no endpoint, since then the environment's endpoint is not meant for it.
    fn is_on_azure(&self) -> bool {
        let rank = |name| match self.source(name) {
            Source::Explicit => 0,
            Source::Env(_) => 1,
            Source::Dotenv { .. } => 2,
            Source::Default => 3,
        };
        let endpoint = rank("azure_endpoint");
        self.settings.azure_endpoint.is_some()
            && endpoint <= rank("base_url")
            && (endpoint == 0 || rank("api_key") > 0)
    }

    /// What decides, beside the options, who is called and as whom.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Takes note that the program brings tokens, or no longer does; `provider` stands for the client. The token of
    /// another provider stays for requests that are on their way with it; none starts with it any more.
    pub fn set_provider(&mut self, provider: Option<u64>, frozen: bool) -> Result<Vec<Notice>> {
        let mut draft = self.clone();
        draft.place = Place {
            provider,
            token: self.place.token.clone().filter(|_| provider.is_some()),
            retired: match provider {
                Some(_) => self.place.retired.clone(),
                None => self.place.token.clone(),
            },
            ..self.place
        };
        let notices = draft.withdraw(frozen)?;
        if !frozen {
            draft.place.azure = draft.is_on_azure();
        }
        *self = draft;
        Ok(notices)
    }

    /// Puts a token in force.
    pub fn set_token(&mut self, token: Secret) {
        self.place.retired = self.place.token.replace(token);
    }

    /// Every option with its value and its source; secrets are masked.
    pub fn to_json(&self) -> String {
        let options = OPTIONS.iter().zip(&self.sources).map(|(option, source)| {
            let mut entry = match source {
                Source::Default => json!({"source": "default"}),
                Source::Explicit => json!({"source": "explicit"}),
                Source::Env(name) => json!({"source": "environment", "variable": name}),
                Source::Dotenv { name, path, line } => {
                    json!({"source": "dotenv", "variable": name, "path": **path, "line": line})
                }
            };
            entry["value"] = option.show(&self.settings);
            (option.name().to_owned(), entry)
        });
        Json::Object(options.collect()).to_string()
    }

    // ===== the sources, from the highest to the lowest =====

    fn take_environment(&mut self, explicit: &Map<String, Json>, vars: &Environment) -> Result<()> {
        for option in open(explicit) {
            let set = option
                .env
                .iter()
                .find_map(|name| Some((*name, vars.get(name)?)));
            let Some((name, value)) = set else {
                continue;
            };
            let source = Source::Env(name);
            let Some(text) = value.to_str() else {
                return Err(refusal(option, &source, "is not UTF-8"));
            };
            self.put(option, &Input::Text(text), source)?;
        }
        Ok(())
    }

    fn take_file(&mut self, explicit: &Map<String, Json>, file: &File) -> Result<Vec<Notice>> {
        let path: Arc<str> = file.path.as_str().into();
        let guarded = !file.named && self.foreign_credential().is_some();
        let mut ignored = Vec::new();
        for option in open(explicit) {
            if *self.source(option.name()) != Source::Default {
                continue;
            }
            let set = option
                .env
                .iter()
                .find_map(|name| Some((*name, file.get(name)?)));
            let Some((name, (text, line))) = set else {
                continue;
            };
            if guarded && option.guard.receiver() {
                ignored.push(option.name());
                continue;
            }
            let path = path.clone();
            self.put(
                option,
                &Input::Text(text),
                Source::Dotenv { name, path, line },
            )?;
        }
        Ok(self.ignored_notice(&ignored, &path))
    }

    // ===== changes =====

    fn change(
        &mut self,
        changes: &[(&'static Opt, Input<'_>)],
        frozen: bool,
    ) -> Result<Vec<Notice>> {
        let mut draft = self.clone();
        for (option, input) in changes {
            draft.put(option, input, Source::Explicit)?;
        }
        if frozen {
            draft.check_frozen(&self.settings)?;
        }
        let mut notices = draft.withdraw(frozen)?;
        // After the first request only a source can have changed, which moves nobody.
        draft.place.azure = match frozen {
            true => self.place.azure,
            false => draft.is_on_azure(),
        };
        notices.extend(draft.key_notices(|option| {
            changes
                .iter()
                .any(|(changed, _)| changed.name() == option.name())
        }));
        *self = draft;
        Ok(notices)
    }

    fn put(&mut self, option: &'static Opt, input: &Input<'_>, source: Source) -> Result<()> {
        option
            .apply(&mut self.settings, input)
            .map_err(|complaint| refusal(option, &source, &complaint))?;
        self.sources[index(option.name())] = match input.resets() {
            true => Source::Default,
            false => source,
        };
        Ok(())
    }

    fn check_frozen(&self, before: &Settings) -> Result<()> {
        let changed = |option: &&Opt| {
            option.class == Class::Transport && !option.same(before, &self.settings)
        };
        match OPTIONS.iter().find(changed) {
            None => Ok(()),
            Some(option) => {
                let name = option.name();
                let message = format!(
                    "{name} can only change before the client's first request: set it right after oai_client_new"
                );
                Err(Error::new(status::STATE, message))
            }
        }
    }

    // ===== the guard: a found file does not choose who receives a key from elsewhere =====

    /// A credential in force that the program or the process environment gave: its name and its source.
    fn foreign_credential(&self) -> Option<(&'static str, Source)> {
        if self.place.provider.is_some() {
            return Some(("the bearer token", Source::Explicit));
        }
        let default = Settings::default();
        let found = OPTIONS.iter().find(|option| {
            let source = self.source(option.name());
            option.guard.credential()
                && matches!(source, Source::Explicit | Source::Env(_))
                && !option.same(&self.settings, &default)
        })?;
        Some((found.name(), self.source(found.name()).clone()))
    }

    /// After a change: takes back what a found file said about the receiver, if a credential is no longer its own.
    fn withdraw(&mut self, frozen: bool) -> Result<Vec<Notice>> {
        let Some((credential, _)) = self.foreign_credential().filter(|_| !self.dotenv_named) else {
            return Ok(Vec::new());
        };
        let mut ignored = Vec::new();
        let mut file: Arc<str> = "".into();
        for (option, source) in OPTIONS.iter().zip(&mut self.sources) {
            if let (true, Source::Dotenv { path, .. }) = (option.guard.receiver(), &*source) {
                file = path.clone();
                ignored.push(option.name());
                option.reset(&mut self.settings);
                *source = Source::Default;
            }
        }
        if frozen && !ignored.is_empty() {
            let message = format!(
                "{} was not changed: {} came from {file}, a file that was found and not named, and must not receive \
                 a key from elsewhere; name the file with OAI_DOTENV, or set {} before the first request",
                credential,
                ignored.join(", "),
                ignored[0],
            );
            return Err(Error::new(status::STATE, message));
        }
        Ok(self.ignored_notice(&ignored, &file))
    }

    fn ignored_notice(&self, ignored: &[&str], path: &str) -> Vec<Notice> {
        let Some((credential, source)) = self.foreign_credential().filter(|_| !ignored.is_empty())
        else {
            return Vec::new();
        };
        let text = format!(
            "ignored {} from {path}: the file was found, not named, and {credential} comes from {source}; to trust the \
             file, name it with OAI_DOTENV",
            ignored.join(", "),
        );
        vec![Notice::new(Level::Warn, text)]
    }

    /// Tells where the keys came from.
    fn key_notices(&self, wanted: impl Fn(&Opt) -> bool) -> Vec<Notice> {
        let keys = [
            ("api_key", &self.settings.api_key),
            ("admin_api_key", &self.settings.admin_api_key),
            ("azure_api_key", &self.settings.azure_api_key),
            ("azure_ad_token", &self.settings.azure_ad_token),
        ];
        keys.into_iter()
            .filter(|(name, key)| key.is_some() && find(name).is_some_and(&wanted))
            .map(|(name, _)| {
                let what = name.replace('_', " ");
                Notice::new(Level::Info, format!("{what} from {}", self.source(name)))
            })
            .collect()
    }
}

/// The rows that the program said nothing about.
fn open(explicit: &Map<String, Json>) -> impl Iterator<Item = &'static Opt> {
    OPTIONS
        .iter()
        .filter(|option| option.class != Class::Creation && !explicit.contains_key(option.name()))
}

/// The row number of an option that exists.
fn index(name: &str) -> usize {
    let row = OPTIONS.iter().position(|option| option.name() == name);
    row.expect("the name stands in the option table")
}

fn known(name: &str) -> Result<&'static Opt> {
    find(name).ok_or_else(|| Error::new(status::UNKNOWN_OPTION, suggest::unknown(name)))
}

/// Which `.env` file is wanted, and who says so.
fn wish(json: Option<&Json>, environment: &Environment) -> Result<(Wish, Source)> {
    const FORM: &str = "must be the path of a .env file, or false for none";
    let option = &OPTIONS[index("dotenv")];
    match json {
        None | Some(Json::Null) => (),
        Some(Json::Bool(false)) => return Ok((Wish::Off, Source::Explicit)),
        Some(Json::Bool(true)) => return Ok((Wish::Search, Source::Explicit)),
        Some(Json::String(text)) => return Ok((Wish::from_text(text), Source::Explicit)),
        Some(_) => return Err(refusal(option, &Source::Explicit, FORM)),
    }
    // In a setuid process the variable is the word of a user with fewer rights than the file may need.
    let heard = json.is_none() && !environment.setuid;
    let Some(value) = environment.get("OAI_DOTENV").filter(|_| heard) else {
        return Ok((Wish::Search, Source::Default));
    };
    let source = Source::Env("OAI_DOTENV");
    match value.to_str() {
        Some(text) => Ok((Wish::from_text(text), source)),
        None => Ok((Wish::Named(value.into()), source)),
    }
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Json>> {
    // Only the place: the parser's own message may repeat what stands there.
    let message = match serde_json::from_slice(bytes) {
        Ok(Json::Object(object)) => return Ok(object),
        Ok(_) => "the configuration must be a JSON object such as {\"max_retries\": 3}".to_owned(),
        Err(error) => format!(
            "the configuration is not valid JSON: see line {}, column {}",
            error.line(),
            error.column(),
        ),
    };
    Err(Error::new(status::CONFIG, message))
}

/// The error for a value of `option` that was not taken.
fn refusal(option: &Opt, source: &Source, complaint: &str) -> Error {
    let name = option.name();
    let message = match source {
        Source::Default | Source::Explicit => format!("{name} {complaint}"),
        Source::Env(variable) => format!("{name} (environment variable {variable}) {complaint}"),
        Source::Dotenv {
            name: variable,
            path,
            line,
        } => {
            format!("{name} ({variable} in line {line} of {path}) {complaint}")
        }
    };
    Error::new(status::CONFIG, message)
}
