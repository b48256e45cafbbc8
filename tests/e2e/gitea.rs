//! Pull requests in a real Gitea.

use std::env;
use std::fs;

use serde_json::{Value, json};

use crate::lab::Outcome;
use crate::traffic::{Probe, Question};

const ADDRESS: &str = "127.0.0.1:3000";

/// The repository of `Gitea::new`.
const SHOP: &str = "bot/shop";

/// Gitea's API, as its administrator.
pub(crate) struct Gitea {
    probe: Probe,
    token: String,
}

/// A commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) context: String,
    pub(crate) state: String,
}

impl Gitea {
    /// Without any repository.
    pub(crate) fn empty() -> Outcome<Self> {
        let run = env::var("RUN").map_err(|error| error.to_string())?;
        let token = fs::read_to_string(format!("{run}/gitea.token")).map_err(|e| e.to_string())?;
        Ok(Self { probe: Probe::new()?, token: token.trim().to_owned() })
    }

    /// Makes the repository bot/shop.
    pub(crate) fn new() -> Outcome<Self> {
        let mut gitea = Self::empty()?;
        let repository = json!({"name": "shop", "auto_init": true, "default_branch": "main"});
        gitea.call("POST", "user/repos", &repository)?;
        Ok(gitea)
    }

    /// The administrator's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// One call of the API; an answer without a body is null.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let told = self.text(method, path, body)?;
        match told.is_empty() {
            true => Ok(Value::Null),
            false => {
                serde_json::from_str(&told).map_err(|error| format!("{path}: {error}: {told}"))
            }
        }
    }

    /// One call of the API that answers with a text.
    pub(crate) fn text(&mut self, method: &str, path: &str, body: &Value) -> Outcome<String> {
        let path = format!("/api/v1/{path}");
        let told = self.probe.ask(&Question::api(method, ADDRESS, &path, &self.token, body))?;
        match told.status {
            200..300 => Ok(told.body),
            status => Err(format!("{method} {path}: {status} {}", told.body)),
        }
    }

    /// Adds a file on a branch, which is made from main where it does not exist, and returns the
    /// commit's id.
    pub(crate) fn commit(&mut self, branch: &str, file: &str, first: bool) -> Outcome<String> {
        let mut body = json!({"content": "aGVsbG8K", "message": format!("Add {file}")});
        body[if first { "new_branch" } else { "branch" }] = json!(branch);
        let made = self.call("POST", &format!("repos/bot/shop/contents/{file}"), &body)?;
        made["commit"]["sha"].as_str().map(str::to_owned).ok_or("a commit has an id".to_owned())
    }

    /// Opens a pull request and returns its number.
    pub(crate) fn open(&mut self, branch: &str) -> Outcome<u64> {
        let body = json!({"title": branch, "head": branch, "base": "main"});
        let made = self.call("POST", "repos/bot/shop/pulls", &body)?;
        made["number"].as_u64().ok_or("a pull request has a number".to_owned())
    }

    pub(crate) fn close(&mut self, number: u64) -> Outcome {
        let body = json!({"state": "closed"});
        self.call("PATCH", &format!("repos/bot/shop/pulls/{number}"), &body).map(drop)
    }

    /// Every status that a commit was ever given.
    pub(crate) fn statuses(&mut self, commit: &str) -> Outcome<Vec<Status>> {
        self.statuses_in(SHOP, commit)
    }

    /// The same in another repository.
    pub(crate) fn statuses_in(&mut self, repository: &str, commit: &str) -> Outcome<Vec<Status>> {
        let path = format!("repos/{repository}/commits/{commit}/statuses");
        let found = self.call("GET", &path, &Value::Null)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = found.as_array().cloned().unwrap_or_default();
        let status =
            |one: &Value| Status { context: text(&one["context"]), state: text(&one["status"]) };
        Ok(all.iter().map(status).collect())
    }

    /// The comments of a pull request.
    pub(crate) fn comments(&mut self, number: u64) -> Outcome<Vec<String>> {
        self.comments_in(SHOP, number)
    }

    /// The same in another repository.
    pub(crate) fn comments_in(&mut self, repository: &str, number: u64) -> Outcome<Vec<String>> {
        let path = format!("repos/{repository}/issues/{number}/comments");
        let found = self.call("GET", &path, &Value::Null)?;
        let all = found.as_array().cloned().unwrap_or_default();
        Ok(all.iter().filter_map(|one| one["body"].as_str().map(str::to_owned)).collect())
    }
}
