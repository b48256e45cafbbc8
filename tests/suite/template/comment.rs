//! The comment on a pull request: one, which the next run replaces. A small server stands for the Git server and keeps what it
//! is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::super::orchestrator::{run, write_text};
use super::Copy;

/// Comments by number, and the requests that were made.
#[derive(Default)]
struct Server {
    comments: Vec<String>,
    requests: Vec<String>,
}

impl Server {
    fn start() -> (String, Arc<Mutex<Self>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let server = Arc::new(Mutex::new(Self::default()));
        let shared = Arc::clone(&server);
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.lock().expect("nobody panics").answer(stream.expect("a call"));
            }
        });
        (format!("http://{address}/api"), server)
    }

    fn answer(&mut self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let (mut first, mut length, mut authorized) = (String::new(), 0, false);
        reader.read_line(&mut first).expect("a request");
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            authorized |= header == "authorization: bearer secret";
            if let Some(text) = header.strip_prefix("content-length: ") {
                length = text.parse().expect("a number");
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body");
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = told["body"].as_str().unwrap_or_default().to_owned();
        let method = first.split(' ').next().unwrap_or_default().to_owned();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let there = || {
            let all = self.comments.iter().enumerate();
            all.map(|(id, body)| json!({"id": id, "body": body})).collect::<Vec<_>>()
        };
        let answer = match method.as_str() {
            "GET" => {
                let page: usize =
                    path.rsplit('=').next().and_then(|page| page.parse().ok()).unwrap_or(1);
                json!(there().into_iter().skip((page - 1) * 50).take(50).collect::<Vec<_>>())
            }
            "POST" => {
                self.comments.push(text);
                json!({})
            }
            _ => {
                let id: usize = path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
                self.comments[id] = text;
                json!({})
            }
        };
        let status = if authorized { "200 OK" } else { "401 Unauthorized" };
        self.requests.push(format!("{method} {path}"));
        let answer = answer.to_string();
        let length = answer.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all((head + &answer).as_bytes()).expect("the caller listens");
    }
}

#[test]
fn the_comment_on_a_pull_request_is_one_however_often_it_is_said() {
    let (api, server) = Server::start();
    let copy = Copy::new();
    let say = |text: &str| {
        write_text(&copy.path("diff.md"), text);
        let mut command = Command::new(copy.path("scripts/comment.sh"));
        command.arg("7").arg(copy.path("diff.md")).env("GITHUB_API_URL", &api);
        command.env("GITHUB_REPOSITORY", "acme/shop-gitops").env("TOKEN", "secret");
        run(&mut command, "")
    };
    // Sixty others were first: the comment is on the second page.
    server.lock().expect("nobody panics").comments = vec!["somebody's".to_owned(); 60];
    say("pr-42 comes").ok();
    say("pr-42 `changes` \"quotes\" $(id)").ok();
    say(&"x".repeat(70_000)).ok();
    let server = server.lock().expect("nobody panics");
    assert_eq!(server.comments.len(), 61);
    let (last, others) = server.comments.split_last().expect("there are comments");
    assert!(others.iter().all(|one| one == "somebody's"));
    assert!(last.starts_with("<!-- previews -->\nxxx") && last.len() < 65_536, "{}", last.len());
    assert!(last.ends_with("has all of it."));
    let writes = server.requests.iter().filter(|one| !one.starts_with("GET"));
    let writes: Vec<&str> = writes.filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(writes, ["POST", "PATCH", "PATCH"]);
    assert!(server.requests[0].contains("/repos/acme/shop-gitops/issues/7/comments?"));
}
