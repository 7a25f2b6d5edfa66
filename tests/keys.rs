//! Which key goes where: the admin key to the organisation endpoints, none to a server that wants none, and OpenAI's own
//! hosts want one, wherever the data resides.

mod support;

use oaic::ffi::status::OAI_ERR_NO_API_KEY;
use serde_json::json;
use support::Client;
use test_server::{Config, Rule, TestServer};

#[test]
fn the_admin_key_goes_to_the_organisation_endpoints_and_nowhere_else() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(200).body(json!({})).forever());
    let client = Client::new(&server.url(), json!({"admin_api_key": "admin-key"}));
    let paths = [
        ("/organization/admin_api_keys", "Bearer admin-key"),
        ("/organization/projects/proj_1/api_keys", "Bearer admin-key"),
        ("/organization/usage/embeddings", "Bearer admin-key"),
        ("/projects/proj_1/groups/g_1/roles", "Bearer admin-key"),
        ("/models", "Bearer test-key"),
        ("/files", "Bearer test-key"),
    ];
    for (path, _) in paths {
        client.get(path).ok();
    }
    for ((path, key), sent) in paths.iter().zip(server.log()) {
        assert_eq!(sent.header("authorization"), Some(*key), "{path}");
    }
    // Without one the ordinary key has to do.
    Client::new(&server.url(), json!({}))
        .get("/organization/users")
        .ok();
    let log = server.log();
    assert_eq!(
        log.last().unwrap().header("authorization"),
        Some("Bearer test-key")
    );
}

#[test]
fn openais_hosts_want_a_key_wherever_they_are() {
    for host in ["api", "eu.api", "us.api", "au.api"] {
        // Nobody is contacted: the request ends before that.
        let config = json!({
            "dotenv": false, "api_key": null, "base_url": format!("https://{host}.openai.com/v1"),
        });
        let client = Client::try_new(&config).unwrap();
        let failed = client.embed("a").failed(OAI_ERR_NO_API_KEY);
        assert!(failed.message.contains(host) && failed.message.contains("OPENAI_API_KEY"));
        let failed = client.get("/organization/users").failed(OAI_ERR_NO_API_KEY);
        assert!(
            failed.message.contains("OPENAI_ADMIN_KEY"),
            "{}",
            failed.message
        );
    }
    let server = TestServer::start(Config::default());
    Client::new(&server.url(), json!({"api_key": null}))
        .embed("a")
        .ok();
    assert_eq!(server.log()[0].header("authorization"), None);
}
