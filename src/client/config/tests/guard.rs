//! A `.env` file that was only found must not choose who receives a key from elsewhere.

use super::*;

const FILE: &str = "\
OPENAI_API_KEY=key-of-file
OPENAI_BASE_URL=http://elsewhere
AZURE_OPENAI_ENDPOINT=http://elsewhere
HTTPS_PROXY=http://elsewhere:1
OAI_CA_FILE=/elsewhere
OPENAI_CUSTOM_HEADERS='X-A: b'
OAI_DEFAULT_QUERY=a=b
OAI_QUEUE_SIZE=7
";

const IGNORED: &str =
    "base_url, azure_endpoint, custom_headers, default_query, https_proxy, ca_file";

/// Whether what the file says about the receiver is in force; all of it or nothing.
fn redirected(config: &Config) -> bool {
    let default = Settings::default();
    let differ: Vec<bool> = IGNORED
        .split(", ")
        .map(|name| !find(name).unwrap().same(&config.settings, &default))
        .collect();
    assert!(differ.iter().all(|one| *one == differ[0]), "{differ:?}");
    differ[0]
}

fn warnings(notices: &[Notice]) -> Vec<&str> {
    let warnings = notices.iter().filter(|notice| notice.level == Level::Warn);
    warnings.map(|notice| notice.text.as_str()).collect()
}

#[test]
fn a_found_file_redirects_its_own_key_only() {
    let folder = Folder::new();
    let path = folder.write(".env", FILE);
    for (json, vars, from) in [
        (
            json!({"api_key": "k"}),
            vec![],
            "api_key comes from the program",
        ),
        (
            json!({"admin_api_key": "k"}),
            vec![],
            "admin_api_key comes from the program",
        ),
        (
            json!({}),
            vec![("OAI_API_KEY", "k")],
            "api_key comes from OAI_API_KEY",
        ),
        (
            json!({}),
            vec![("OPENAI_API_KEY", "k")],
            "api_key comes from OPENAI_API_KEY",
        ),
        (
            json!({}),
            vec![("AZURE_OPENAI_API_KEY", "k")],
            "azure_api_key comes from AZURE_OPENAI_API_KEY",
        ),
        (
            json!({"azure_ad_token": "t"}),
            vec![],
            "azure_ad_token comes from the program",
        ),
        (
            json!({}),
            vec![("OPENAI_ADMIN_KEY", "k")],
            "admin_api_key comes from OPENAI_ADMIN_KEY",
        ),
    ] {
        let (config, notices) = load(json, &environment(&vars, Some(&folder))).unwrap();
        assert!(!redirected(&config), "{from}");
        assert_eq!(
            config.settings.queue_size, 7,
            "what is harmless still counts"
        );
        let expected = format!(
            "ignored {IGNORED} from {}: the file was found, not named, and {from}; to trust the file, name it with \
             OAI_DOTENV",
            path.display()
        );
        assert_eq!(warnings(&notices), [expected]);
    }
    let (config, notices) = load(json!({}), &environment(&[], Some(&folder))).unwrap();
    assert!(redirected(&config) && warnings(&notices).is_empty());
}

#[test]
fn headers_from_elsewhere_count_as_a_key() {
    let folder = Folder::new();
    folder.write(".env", "OPENAI_BASE_URL=http://elsewhere");
    let variable = ("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer k");
    let (config, notices) = load(json!({}), &environment(&[variable], Some(&folder))).unwrap();
    assert_eq!(config.settings.base_url, Settings::default().base_url);
    assert_eq!(warnings(&notices).len(), 1);
}

#[test]
fn a_named_file_is_trusted() {
    let folder = Folder::new();
    folder.write(".env", FILE);
    let named = environment(
        &[("OAI_DOTENV", ".env"), ("OPENAI_API_KEY", "k")],
        Some(&folder),
    );
    let by_json = environment(&[("OPENAI_API_KEY", "k")], Some(&folder));
    for (json, environment) in [(json!({}), named), (json!({"dotenv": ".env"}), by_json)] {
        let (mut config, notices) = load(json, &environment).unwrap();
        assert!(redirected(&config) && warnings(&notices).is_empty());
        let notices = config
            .set("api_key", Value::Str(Some("other")), true)
            .unwrap();
        assert!(redirected(&config) && warnings(&notices).is_empty());
    }
}

#[test]
fn what_is_ignored_is_not_checked() {
    let folder = Folder::new();
    folder.write(".env", "OPENAI_BASE_URL=nonsense");
    let environment = environment(&[("OPENAI_API_KEY", "k")], Some(&folder));
    let (_, notices) = load(json!({}), &environment).unwrap();
    assert_eq!(warnings(&notices).len(), 1);
}

#[test]
fn a_key_that_is_set_later_does_not_go_there_either() {
    let folder = Folder::new();
    folder.write(".env", FILE);
    let environment = environment(&[], Some(&folder));
    for name in ["api_key", "admin_api_key"] {
        let (mut config, _) = load(json!({}), &environment).unwrap();
        let notices = config.set(name, Value::Str(Some("k")), false).unwrap();
        assert!(!redirected(&config));
        let expected = format!("{name} comes from the program");
        assert!(warnings(&notices)[0].contains(&expected), "{notices:?}");
        assert_eq!(*config.source("base_url"), Source::Default);

        // After the first request the address is fixed, so it is the key that is refused.
        let (mut config, _) = load(json!({}), &environment).unwrap();
        let before = config.to_json();
        let error = config.set(name, Value::Str(Some("k")), true).unwrap_err();
        assert_eq!(error.status, status::STATE);
        assert!(
            error
                .message
                .starts_with(&format!("{name} was not changed: {IGNORED}")),
            "{error}"
        );
        assert_eq!(config.to_json(), before);
    }
}

#[test]
fn an_address_of_the_programs_own_stays() {
    let folder = Folder::new();
    folder.write(".env", "OPENAI_BASE_URL=http://elsewhere");
    let environment = environment(&[], Some(&folder));
    let (mut config, _) = load(json!({"base_url": "http://mine"}), &environment).unwrap();
    config.set("api_key", Value::Str(Some("k")), true).unwrap();
    assert_eq!(config.settings.base_url, "http://mine");
}

#[test]
fn a_token_provider_is_a_credential_too() {
    let folder = Folder::new();
    let file = FILE.replace("OPENAI_API_KEY=key-of-file\n", "");
    let path = folder.write(".env", &file);
    let (config, _) = load(json!({}), &environment(&[], Some(&folder))).unwrap();
    assert!(redirected(&config));
    let mut early = config.clone();
    let notices = early.set_provider(Some(1), false).unwrap();
    assert!(!redirected(&early));
    assert_eq!(
        warnings(&notices),
        [format!(
            "ignored {IGNORED} from {}: the file was found, not named, and the bearer token comes from the program; \
             to trust the file, name it with OAI_DOTENV",
            path.display()
        )]
    );
    let mut late = config.clone();
    let error = late.set_provider(Some(1), true).unwrap_err();
    assert_eq!(error.status, status::STATE);
    assert!(
        error
            .message
            .starts_with("the bearer token was not changed"),
        "{error}"
    );
    assert!(redirected(&late) && late.place().provider.is_none());
    // One that was named is trusted.
    let named = json!({"dotenv": path.to_str().unwrap()});
    let (mut config, _) = load(named, &environment(&[], None)).unwrap();
    assert!(warnings(&config.set_provider(Some(1), true).unwrap()).is_empty());
    assert!(redirected(&config));
}
