//! The process environment as it was at one moment.
//!
//! `oai_client_new` reads it once and hands it to `config`; tests make their own. Nothing here or behind it ever
//! changes the environment of the process: a library in a threaded host must not.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::options::OPTIONS;

/// Its presence means a CGI program, where `HTTP_PROXY` is the request's `Proxy:` header and so in a stranger's hand.
const CGI_MARK: &str = "REQUEST_METHOD";

/// A snapshot of what the process was given.
#[derive(Default)]
pub struct Environment {
    vars: HashMap<&'static str, OsString>,
    /// The working directory, where the search for `.env` begins. None: there is none, and no search.
    pub cwd: Option<PathBuf>,
    /// The process runs with more rights than the user who started it.
    pub setuid: bool,
}

impl Environment {
    /// Reads the process environment: only names of the option table are kept.
    pub fn read() -> Environment {
        Environment::new(
            std::env::vars_os(),
            std::env::current_dir().ok(),
            runs_setuid(),
        )
    }

    /// A snapshot made of `vars`; empty variables count as unset.
    pub fn new(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        cwd: Option<PathBuf>,
        setuid: bool,
    ) -> Environment {
        let names: HashMap<&OsStr, &'static str> = OPTIONS
            .iter()
            .flat_map(|option| option.env)
            .chain([&CGI_MARK])
            .map(|name| (OsStr::new(*name), *name))
            .collect();
        let mut kept = HashMap::new();
        for (name, value) in vars {
            if let Some(name) = names.get(name.as_os_str()) {
                if !value.is_empty() {
                    kept.insert(*name, value);
                }
            }
        }
        if kept.contains_key(CGI_MARK) {
            kept.remove("HTTP_PROXY");
        }
        Environment {
            vars: kept,
            cwd,
            setuid,
        }
    }

    /// The value of a variable of the option table, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(name).map(OsString::as_os_str)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn runs_setuid() -> bool {
    // SAFETY: getauxval takes a number and reads the process's own auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn runs_setuid() -> bool {
    // SAFETY: these four take nothing and cannot fail.
    unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(vars: &[(&str, &str)]) -> Environment {
        let vars = vars.iter().map(|(name, value)| (name.into(), value.into()));
        Environment::new(vars, None, false)
    }

    #[test]
    fn keeps_names_of_the_option_table_that_are_not_empty() {
        let kept = environment(&[
            ("OPENAI_API_KEY", "k"),
            ("OAI_PROJECT", ""),
            ("AWS_SECRET", "s"),
        ]);
        assert_eq!(kept.get("OPENAI_API_KEY"), Some(OsStr::new("k")));
        assert_eq!(kept.get("OAI_PROJECT"), None);
        assert_eq!(kept.get("AWS_SECRET"), None);
    }

    #[test]
    fn a_cgi_program_does_not_take_its_proxy_from_a_request_header() {
        let vars = [("HTTP_PROXY", "http://a"), ("http_proxy", "http://b")];
        assert!(environment(&vars).get("HTTP_PROXY").is_some());
        let cgi = environment(&[vars[0], vars[1], ("REQUEST_METHOD", "GET")]);
        assert_eq!(cgi.get("HTTP_PROXY"), None);
        assert_eq!(cgi.get("http_proxy"), Some(OsStr::new("http://b")));
    }

    #[test]
    fn reading_the_process_finds_a_working_directory() {
        let read = Environment::read();
        assert!(read.cwd.is_some());
        assert!(!read.setuid);
    }
}
