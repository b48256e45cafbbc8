//! What the program does at the moment, for whoever waits for it or wants to know where the time goes.
//!
//! There is one run in a process, and so one clock. Nothing that is written depends on it.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// So long a run may be silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is written again.
const TICK: Duration = Duration::from_millis(250);
/// Goes to the start of the line, and empties it.
const CLEAR: &[u8] = b"\r\x1b[2K";

/// A name of a stage.
type Name = Cow<'static, str>;

/// The stages of a run: those that are over, and the one that is not.
struct Clock {
    over: Vec<(Name, Duration)>,
    now: Option<(Name, Instant)>,
    line: Line,
}

/// The line that says what takes so long.
#[derive(PartialEq, Eq)]
enum Line {
    /// It may come.
    Hidden,
    Shown,
    /// There is none, or none any more.
    Gone,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { over: Vec::new(), now: None, line: Line::Gone });

fn with<T>(what: impl FnOnce(&mut Clock) -> T) -> T {
    what(&mut CLOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// A stage begins, and the one before it is over.
pub fn enter(name: impl Into<Name>) {
    with(|clock| {
        clock.pass();
        clock.now = Some((name.into(), Instant::now()));
    });
}

/// Shows on the terminal that stderr is what takes longer than a second, until [`end_line`].
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

/// Takes the line away for good: other words follow.
pub fn end_line() {
    with(|clock| {
        if clock.line == Line::Shown {
            let _ = std::io::stderr().lock().write_all(CLEAR);
        }
        clock.line = Line::Gone;
    });
}

/// The stages of the run so far, in the order in which they began, each once, and how long it took.
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

    /// Writes the line, unless there is none any more.
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
