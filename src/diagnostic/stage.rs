//! Measures the stages of a run, for `--verbose` and for a progress line on a terminal.
//!
//! A process has one run, and so one clock. No output depends on it.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may be silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the progress line is updated.
const TICK: Duration = Duration::from_millis(250);
/// Clears the line.
const CLEAR: &[u8] = b"\r\x1b[2K";

/// A name of a stage.
type Name = Cow<'static, str>;

/// The finished stages of a run, and the current one.
struct Clock {
    over: Vec<(Name, Duration)>,
    now: Option<(Name, Instant)>,
    line: Line,
}

/// The progress line.
#[derive(PartialEq, Eq)]
enum Line {
    /// Not shown yet.
    Hidden,
    Shown,
    /// Never shown again.
    Gone,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { over: Vec::new(), now: None, line: Line::Gone });

fn with<T>(what: impl FnOnce(&mut Clock) -> T) -> T {
    what(&mut CLOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Begins a stage and ends the one before.
pub fn enter(name: impl Into<Name>) {
    with(|clock| {
        clock.pass();
        clock.now = Some((name.into(), Instant::now()));
    });
}

/// Shows on a terminal stderr which stage takes longer than a second, until [`end_line`].
pub fn show_line() {
    with(|clock| clock.line = Line::Hidden);
    let began = Instant::now();
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        while with(|clock| clock.draw(began)) {
            thread::sleep(TICK);
        }
    });
}

/// Removes the progress line for good, before other messages.
pub fn end_line() {
    with(|clock| {
        if clock.line == Line::Shown {
            let _ = std::io::stderr().lock().write_all(CLEAR);
        }
        clock.line = Line::Gone;
    });
}

/// The stages so far with their times, each once, in the order of their first begin.
#[must_use]
pub fn times() -> Vec<(Name, Duration)> {
    with(|clock| {
        clock.pass();
        clock.over.clone()
    })
}

impl Clock {
    fn pass(&mut self) {
        let Some((name, began)) = self.now.take() else { return };
        let took = began.elapsed();
        match self.over.iter_mut().find(|(other, _)| *other == name) {
            Some((_, time)) => *time += took,
            None => self.over.push((name, took)),
        }
    }

    /// Writes the progress line. Returns false once it is gone.
    fn draw(&mut self, began: Instant) -> bool {
        if self.line == Line::Gone {
            return false;
        }
        self.line = Line::Shown;
        let name = self.now.as_ref().map_or("", |(name, _)| name);
        let name = super::text::prose(name);
        let text = format!("{name} ... {} s", began.elapsed().as_secs());
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(CLEAR).and_then(|()| out.write_all(text.as_bytes()));
        let _ = out.flush();
        true
    }
}
