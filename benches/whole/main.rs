//! `make bench`: whole processes, each beside something outside in the same run, and
//! docs/performance.md written from what was measured.
//!
//! Every figure is the median of several runs. A process that measures one command is started anew for
//! each, because the system reports the memory of the largest child that a process ever had.

mod fixture;

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ANABRANCH: &str = env!("CARGO_BIN_EXE_anabranch");
const SERVICES: usize = 200;

/// What one command took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    /// Peak memory in KiB.
    memory: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, output, command @ ..] = arguments.as_slice()
        && flag == "--measure"
    {
        return measure_here(output, command);
    }
    let folder = env::temp_dir().join(format!("anabranch-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let written = report(&folder);
    fs::remove_dir_all(&folder)?;
    let text = written?;
    stdout().write_all(text.as_bytes())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(root.join("docs/performance.md"), text)?;
    Ok(())
}

/// Runs a command with its stdout in a file, and prints nanoseconds and KiB.
fn measure_here(output: &str, command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let file = fs::File::create(output)?;
    let mut child = Command::new(program);
    child.args(arguments).stdout(file).stderr(Stdio::null());
    let start = Instant::now();
    let status = child.status()?;
    let time = start.elapsed();
    if !status.success() {
        return Err(format!("{command:?} failed").into());
    }
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    writeln!(stdout(), "{} {memory}", time.as_nanos())?;
    Ok(())
}

/// The median of several runs of a command.
fn measure(runs: usize, output: &Path, command: &[&str]) -> Result<Cost> {
    let mut costs = Vec::new();
    for _ in 0..runs {
        let mut own = Command::new(env::current_exe()?);
        let answer = own.arg("--measure").arg(output).args(command).output()?;
        let text = String::from_utf8(answer.stdout)?;
        let (time, memory) = text.trim().split_once(' ').ok_or(format!("{command:?} failed"))?;
        costs.push(Cost { time: Duration::from_nanos(time.parse()?), memory: memory.parse()? });
    }
    costs.sort_by_key(|cost| cost.time);
    Ok(costs[costs.len() / 2])
}

fn report(folder: &Path) -> Result<String> {
    let mut text = String::from(
        "# Performance\n\nWritten by `make bench`: medians of whole processes, one run, everything beside something outside.\n\n",
    );
    machine(&mut text)?;
    startup(&mut text, folder)?;
    let points = scale(&mut text, folder)?;
    tree(&mut text, folder)?;
    kustomize(&mut text, folder)?;
    plot(&points)?;
    Ok(text)
}

fn machine(text: &mut String) -> Result<()> {
    let cores = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
    writeln!(
        text,
        "anabranch {}, release build, on {cores} cores ({model}).\n",
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(())
}

fn startup(text: &mut String, folder: &Path) -> Result<()> {
    let null = folder.join("null");
    let version = measure(31, &null, &[ANABRANCH, "--version"])?;
    let nothing = measure(31, &null, &["true"])?;
    writeln!(
        text,
        "Start-up: `anabranch --version` {}, `true` {}.\n",
        ms(version.time),
        ms(nothing.time)
    )?;
    Ok(())
}

/// A fixture of this many previews; returns the arguments that render it.
fn fixture_of(folder: &Path, previews: usize) -> Result<Vec<String>> {
    let folder = folder.join(previews.to_string());
    fixture::write(&folder, SERVICES, previews)?;
    let path = |name: &str| folder.join(name).display().to_string();
    Ok(["render".to_owned(), path("previews.yaml"), "--baseline".to_owned(), path("baseline.yaml")]
        .into())
}

fn render(arguments: &[String]) -> Vec<&str> {
    [ANABRANCH].into_iter().chain(arguments.iter().map(String::as_str)).collect()
}

/// Output of growing size, beside `cp` of the same bytes. Returns objects and seconds.
fn scale(text: &mut String, folder: &Path) -> Result<Vec<(usize, f64)>> {
    writeln!(
        text,
        "## Size\n\nA baseline of {SERVICES} services (a Deployment, a Service, a ServiceAccount and a ConfigMap each, calls to \
         three others); previews of five services each; one stream into a file.\n\n\
         | previews | objects | output | time | per object | `cp` of the output | memory | memory / output |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    let mut points = Vec::new();
    for (previews, runs) in [(1, 11), (10, 11), (100, 11), (1_000, 5), (10_000, 3)] {
        let arguments = fixture_of(folder, previews)?;
        let output = folder.join("output.yaml");
        let cost = measure(runs, &output, &render(&arguments))?;
        let bytes = fs::metadata(&output)?.len();
        let objects = fs::read_to_string(&output)?.matches("\nkind: ").count();
        let copy = folder.join("copy.yaml");
        let paths = [output.display().to_string(), copy.display().to_string()];
        let cp = measure(runs, &folder.join("null"), &["cp", &paths[0], &paths[1]])?;
        writeln!(
            text,
            "| {previews} | {objects} | {} | {} | {:.1} µs | {} | {} | {:.1} |",
            mb(bytes),
            ms(cost.time),
            cost.time.as_secs_f64() * 1e6 / objects as f64,
            ms(cp.time),
            mb(cost.memory * 1024),
            (cost.memory * 1024) as f64 / bytes as f64
        )?;
        points.push((objects, cost.time.as_secs_f64()));
    }
    text.push_str("\n![time over objects](performance.svg)\n\n");
    Ok(points)
}

/// The tree, beside `cp -r` of it.
fn tree(text: &mut String, folder: &Path) -> Result<()> {
    let mut arguments = fixture_of(folder, 1_000)?;
    let out = folder.join("tree");
    arguments.extend(["-o".to_owned(), out.display().to_string()]);
    let null = folder.join("null");
    let (mut times, mut copies) = (Vec::new(), Vec::new());
    let copy = folder.join("copied");
    for _ in 0..3 {
        times.push(measure(1, &null, &render(&arguments))?.time);
        let paths = [out.display().to_string(), copy.display().to_string()];
        copies.push(measure(1, &null, &["cp", "-r", &paths[0], &paths[1]])?.time);
        fs::remove_dir_all(&copy)?;
        if copies.len() < 3 {
            fs::remove_dir_all(&out)?;
        }
    }
    let again = measure(3, &null, &render(&arguments))?.time;
    times.sort();
    copies.sort();
    let files = count(&out)?;
    writeln!(
        text,
        "## Tree\n\n1,000 previews as a folder of {files} files: {}, `cp -r` of the folder {}: {:.1} times. Rendered again over itself: {}.\n",
        ms(times[1]),
        ms(copies[1]),
        times[1].as_secs_f64() / copies[1].as_secs_f64(),
        ms(again)
    )?;
    Ok(())
}

/// kustomize, which only reads the same objects and writes them again.
fn kustomize(text: &mut String, folder: &Path) -> Result<()> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/kustomize");
    let arguments = fixture_of(folder, 95)?;
    let overlay = folder.join("overlay");
    fs::create_dir_all(&overlay)?;
    let output = overlay.join("all.yaml");
    let own = measure(5, &output, &render(&arguments))?;
    let objects = fs::read_to_string(&output)?.matches("\nkind: ").count();
    fs::write(
        overlay.join("kustomization.yaml"),
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [all.yaml]\n",
    )?;
    let (program, overlay) = (program.display().to_string(), overlay.display().to_string());
    let theirs = measure(1, &folder.join("null"), &[&program, "build", &overlay])?;
    writeln!(
        text,
        "## kustomize\n\n{objects} objects: anabranch makes them from 95 previews in {}; `kustomize build` reads them from one file \
         and writes them, changing nothing, in {}: {:.0} times as long.",
        ms(own.time),
        ms(theirs.time),
        theirs.time.as_secs_f64() / own.time.as_secs_f64()
    )?;
    Ok(())
}

fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in walkdir::WalkDir::new(folder) {
        files += usize::from(entry?.file_type().is_file());
    }
    Ok(files)
}

/// Seconds over objects, both on logarithmic axes.
fn plot(points: &[(usize, f64)]) -> Result<()> {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 320.0;
    let x = |objects: f64| 60.0 + (objects.log10() - 1.0) / 5.0 * (WIDTH - 90.0);
    let y = |seconds: f64| HEIGHT - 40.0 - (seconds.log10() + 3.0) / 5.0 * (HEIGHT - 70.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for power in 1..=6 {
        let objects = 10_f64.powi(power);
        writeln!(
            svg,
            "<line x1=\"{0:.0}\" x2=\"{0:.0}\" y1=\"30\" y2=\"{1:.0}\" stroke=\"#ddd\"/>",
            x(objects),
            HEIGHT - 40.0
        )?;
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{objects}</text>",
            x(objects),
            HEIGHT - 22.0
        )?;
    }
    for power in -3..=2 {
        let seconds = 10_f64.powi(power);
        writeln!(
            svg,
            "<line y1=\"{0:.0}\" y2=\"{0:.0}\" x1=\"60\" x2=\"{1:.0}\" stroke=\"#ddd\"/>",
            y(seconds),
            WIDTH - 30.0
        )?;
        writeln!(
            svg,
            "<text x=\"54\" y=\"{:.0}\" text-anchor=\"end\">{seconds} s</text>",
            y(seconds) + 4.0
        )?;
    }
    let line: Vec<String> = points
        .iter()
        .map(|&(objects, seconds)| format!("{:.1},{:.1}", x(objects as f64), y(seconds)))
        .collect();
    writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1565c0\" stroke-width=\"2\"/>",
        line.join(" ")
    )?;
    writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">objects written</text>\n</svg>",
        WIDTH / 2.0,
        HEIGHT - 6.0
    )?;
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.svg");
    fs::write(path, svg)?;
    Ok(())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
