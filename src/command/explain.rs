//! `anabranch explain`: the page behind a code.

use std::process::ExitCode;

use super::voice::say;
use super::write_out;
use crate::diagnostic::code::{CODES, find};
use crate::diagnostic::nearest;

pub(super) fn run(code: Option<&str>) -> ExitCode {
    let Some(id) = code else {
        let lines: String = CODES
            .iter()
            .map(|code| format!("{:<22} {:<8} {}\n", code.id, code.severity.word(), code.title))
            .collect();
        return write_out(lines.as_bytes());
    };
    match find(id) {
        Some(code) => {
            let word = code.severity.word();
            let page = format!("{}: {}\n\n{} ({word})\n", code.id, code.title, code.page);
            write_out(page.as_bytes())
        }
        None => {
            let near = nearest(id, CODES.iter().map(|code| code.id));
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            say(&format!("error: there is no code `{id}`{help}\n"));
            ExitCode::FAILURE
        }
    }
}
