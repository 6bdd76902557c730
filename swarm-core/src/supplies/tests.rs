use serde_json::json;

use super::*;
use crate::{
    error_code::{Coded as _, ErrorCode},
    spec::SandboxSpec,
    testing::machine::KnownMachine as Known,
};

fn spec(agent: &str, mut sandbox: serde_json::Value) -> AgentSpec {
    sandbox["agent"] = json!(agent);
    if agent == "opencode" {
        sandbox["model"] = json!("anthropic/opus");
    }
    let sandbox = SandboxSpec::from_json(sandbox, "sandbox").unwrap();
    AgentSpec::new("Do it.", sandbox).unwrap()
}

fn equipped(spec: &AgentSpec, machine: &Known) -> Result<Invocation, SupplyError> {
    let supplies = Supplies::gather([spec], Some(machine))?;
    let kind = kind_of(&spec.agent).unwrap();
    let invocation = supplies.invocation(kind, spec);
    assert!(
        !format!("{supplies:?} {invocation:?}").contains("canary"),
        "a secret is shown"
    );
    assert!(
        !invocation.argv_in("/h").concat().contains("canary"),
        "a secret is among the arguments"
    );
    Ok(invocation)
}

#[test]
fn a_key_of_the_user_goes_to_the_kind_that_needs_it_and_to_no_other() {
    let machine = Known {
        variables: [
            ("ANTHROPIC_API_KEY", "canary-a"),
            ("ANTHROPIC_BASE_URL", "http://proxy"),
            ("CODEX_API_KEY", "canary-c"),
            ("GEMINI_API_KEY", "canary-g"),
            ("OTHER", "canary-o"),
        ]
        .into(),
        ..Known::default()
    };
    for (agent, key, value) in [
        ("claude", "ANTHROPIC_API_KEY", "canary-a"),
        ("codex", "CODEX_API_KEY", "canary-c"),
        ("gemini", "GEMINI_API_KEY", "canary-g"),
        ("opencode", "ANTHROPIC_API_KEY", "canary-a"),
    ] {
        let env = equipped(&spec(agent, json!({})), &machine).unwrap().env;
        assert_eq!(env[key], value);
        let canaries = env.values().filter(|value| value.contains("canary"));
        assert_eq!(canaries.count(), 1, "{agent}");
    }
    let env = equipped(&spec("claude", json!({})), &machine).unwrap().env;
    assert_eq!(env["ANTHROPIC_BASE_URL"], "http://proxy");
    assert!(!Supplies::are_needed([&AgentSpec::command(
        "Do it.",
        ["true"]
    )
    .unwrap()]));
}

#[test]
fn an_agent_that_brings_its_own_account_gets_none() {
    let machine = Known {
        variables: [("ANTHROPIC_API_KEY", "canary")].into(),
        ..Known::default()
    };
    for variable in ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"] {
        let spec = spec("claude", json!({"env_vars": {variable: "1"}}));
        assert!(!Supplies::are_needed([&spec]));
        let env = equipped(&spec, &machine).unwrap().env;
        assert!(!env.contains_key("ANTHROPIC_API_KEY"));
    }
}

#[test]
fn the_account_of_the_user_is_not_sent_to_another_address() {
    let machine = Known {
        variables: [
            ("ANTHROPIC_API_KEY", "canary"),
            ("GEMINI_API_KEY", "canary"),
        ]
        .into(),
        ..Known::default()
    };
    for (agent, address) in [
        ("claude", "ANTHROPIC_BASE_URL"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL"),
    ] {
        let elsewhere = spec(agent, json!({"env_vars": {address: "https://elsewhere"}}));
        let error = equipped(&elsewhere, &machine).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NoCredentials);
        assert!(error.to_string().contains(address), "{error}");
    }
    let own = json!({"env_vars": {"ANTHROPIC_BASE_URL": "https://elsewhere", "ANTHROPIC_API_KEY": "theirs"}});
    let env = equipped(&spec("claude", own), &machine).unwrap().env;
    assert!(!env.contains_key("ANTHROPIC_API_KEY"));
}

#[test]
fn without_a_variable_the_file_of_the_program_is_given_at_the_same_place() {
    let machine = Known {
        files: [
            (
                "/home/ada/.claude/.credentials.json",
                json!({"token": "canary-file"}).to_string(),
            ),
            (
                "/data/opencode/auth.json",
                json!({"anthropic": {"key": "canary-1"}, "openai": {"key": "canary-2"}})
                    .to_string(),
            ),
        ]
        .into(),
        variables: [("XDG_DATA_HOME", "/data")].into(),
    };
    let claude = equipped(&spec("claude", json!({})), &machine).unwrap();
    assert_eq!(
        claude.home[".claude/.credentials.json"],
        r#"{"token":"canary-file"}"#
    );
    let opencode = equipped(&spec("opencode", json!({})), &machine).unwrap();
    assert_eq!(
        opencode.home[".local/share/opencode/auth.json"],
        r#"{"anthropic":{"key":"canary-1"}}"#
    );
}

#[test]
fn a_missing_account_is_an_error_that_says_what_was_looked_for() {
    let error = equipped(&spec("claude", json!({})), &Known::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoCredentials);
    assert_eq!(
        error.to_string(),
        "there is no account for agents of kind claude: looked for $ANTHROPIC_API_KEY, $ANTHROPIC_AUTH_TOKEN, \
         $CLAUDE_CODE_OAUTH_TOKEN, /home/ada/.claude/.credentials.json; set the variable, log in with the program itself, \
         or set a variable of that name in `env_vars`"
    );
    let machine = Known {
        files: [("/home/ada/.claude/.credentials.json", "locked".to_owned())].into(),
        ..Known::default()
    };
    let error = equipped(&spec("claude", json!({})), &machine).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(".credentials.json: permission denied"),
        "{error}"
    );
    let machine = Known {
        files: [("/home/ada/.claude/.credentials.json", "canary".to_owned())].into(),
        ..Known::default()
    };
    let error = equipped(&spec("claude", json!({})), &machine)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(".credentials.json is not valid JSON: line 1"),
        "{error}"
    );
    assert!(!error.contains("canary"), "{error}");
    equipped(&spec("opencode", json!({})), &Known::default()).unwrap();
}

#[test]
fn without_a_machine_there_are_no_servers_and_no_accounts() {
    Supplies::gather([&spec("claude", json!({}))], None).unwrap();
    let wants = spec("claude", json!({"mcps": ["files"]}));
    let error = Supplies::gather([&wants], None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownMcpServer);
}

fn with_servers() -> Known {
    let server = |name: &str| json!({"command": name, "env": {"TOKEN": format!("canary-{name}")}});
    let user = json!({
        "theme": "dark",
        "mcpServers": {"files": server("of-user"), "both": server("of-user"), "broken": {"args": []}},
        "projects": {"/home/ada/project": {"mcpServers": {"local": server("of-user-here"), "both": server("of-user-here")}}},
    });
    let project = json!({"mcpServers": {"repo": server("of-repo"), "files": server("of-repo"), "net": {"type": "http", "url": "https://x"}}});
    Known {
        variables: [("ANTHROPIC_API_KEY", "k")].into(),
        files: [
            ("/home/ada/.claude.json", user.to_string()),
            ("/home/ada/project/.mcp.json", project.to_string()),
            // Not of a project: the home folder is none.
            ("/home/ada/.mcp.json", "garbage".to_owned()),
        ]
        .into(),
    }
}

#[test]
fn servers_are_found_in_all_places_and_what_the_user_set_up_comes_first() {
    let wants = json!({"mcps": ["files", "both", "local", "repo", "net"]});
    let invocation = equipped(&spec("claude", wants), &with_servers()).unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&invocation.home[".claude/swarm-mcp.json"]).unwrap();
    let command = |name: &str| config["mcpServers"][name]["command"].clone();
    assert_eq!(command("files"), "of-user");
    assert_eq!(command("both"), "of-user-here");
    assert_eq!(command("local"), "of-user-here");
    assert_eq!(command("repo"), "of-repo");
    assert_eq!(config["mcpServers"]["net"]["url"], "https://x");
    assert_eq!(
        config["mcpServers"]["repo"]["env"]["TOKEN"],
        "canary-of-repo"
    );
    let argv = invocation.argv_in("/home/agent");
    assert_eq!(
        argv.last().unwrap(),
        "--mcp-config=/home/agent/.claude/swarm-mcp.json"
    );
}

#[test]
fn an_agent_gets_the_servers_that_it_asked_for_and_no_others() {
    let (one, other) = (
        spec("claude", json!({"mcps": ["files"]})),
        spec("claude", json!({"mcps": ["repo"]})),
    );
    let machine = with_servers();
    let supplies = Supplies::gather([&one, &other], Some(&machine)).unwrap();
    let kind = kind_of(&one.agent).unwrap();
    let invocation = supplies.invocation(kind, &one);
    let config = &invocation.home[".claude/swarm-mcp.json"];
    assert!(
        config.contains("of-user") && !config.contains("of-repo"),
        "{config}"
    );
}

#[test]
fn a_server_that_nobody_set_up_is_an_error_with_the_nearest_name() {
    let error = |sandbox| equipped(&spec("claude", sandbox), &with_servers()).unwrap_err();
    let unknown = error(json!({"mcps": ["file"]}));
    assert_eq!(unknown.code(), ErrorCode::UnknownMcpServer);
    let text = unknown.to_string();
    for part in [
        "`file`; did you mean `files`?",
        "/home/ada/.claude.json",
        "/home/ada/project/.mcp.json",
        "local",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let broken = error(json!({"mcps": ["broken"]}));
    assert!(
        broken.to_string().contains("`command` or a `url`"),
        "{broken}"
    );
}

#[test]
fn a_garbled_file_is_named_without_what_is_in_it() {
    let machine = Known {
        variables: [("ANTHROPIC_API_KEY", "k")].into(),
        files: [(
            "/home/ada/.claude.json",
            r#"{"mcpServers": {"a": "canary"]"#.to_owned(),
        )]
        .into(),
    };
    let error = equipped(&spec("claude", json!({"mcps": ["a"]})), &machine).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains(".claude.json is not valid JSON: line 1") && !text.contains("canary"),
        "{text}"
    );
}

#[test]
fn a_repository_names_hosts_for_its_servers_but_no_addresses() {
    let servers = json!({"mcpServers": {
        "named": {"url": "https://mcp.example.com/x"},
        "metadata": {"url": "http://169.254.169.254/"},
        "local": {"url": "http://[::1]:8080/"},
        "file": {"url": "file:///etc/passwd"},
    }});
    let machine = Known {
        variables: [("ANTHROPIC_API_KEY", "k")].into(),
        files: [("/home/ada/project/.mcp.json", servers.to_string())].into(),
    };
    let wants = spec("claude", json!({"mcps": ["named", "metadata", "local"]}));
    let supplies = Supplies::gather([&wants], Some(&machine)).unwrap();
    let hosts: Vec<_> = supplies
        .hosts(&wants)
        .map(|host| host.to_string())
        .collect();
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert!(hosts[0].starts_with("mcp.example.com"), "{hosts:?}");
    let error = equipped(&spec("claude", json!({"mcps": ["file"]})), &machine).unwrap_err();
    assert!(error.to_string().contains("https://"), "{error}");
}

#[test]
fn servers_in_a_file_that_may_be_somebody_elses_are_left_out_and_named() {
    let own = r#"{"mcpServers": {"own": {"command": "own"}}}"#;
    let machine = Known {
        variables: [("ANTHROPIC_API_KEY", "canary")].into(),
        files: [
            ("/home/ada/project/src/.mcp.json", "strange".to_owned()),
            ("/home/ada/project/.mcp.json", own.to_owned()),
        ]
        .into(),
    };
    equipped(&spec("claude", json!({"mcps": ["own"]})), &machine).unwrap();
    let error = equipped(&spec("claude", json!({"mcps": ["theirs"]})), &machine).unwrap_err();
    let error = error.to_string();
    let left_out = "left out, because somebody else may have written it: /home/ada/project/src/.mcp.json (it belongs to";
    assert!(error.contains(left_out), "{error}");
}
